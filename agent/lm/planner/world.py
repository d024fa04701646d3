"""What the planner knows of the conversation's state: the `context` field of the request."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.lm.planner.request import Call

_FACTS = frozenset({"id", "size_bytes", "latency_ms", "made_from"})


@dataclass(frozen=True)
class Model:
    """A trained model: its experiment, the columns it predicts (by commas) and those it is used with."""

    experiment: int
    target: str | None
    inputs: tuple[str, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns it predicts."""
        return tuple((self.target or "").split(", "))


@dataclass
class World:
    """Datasets, experiments and open questions, as the session tells them."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    current_dataset: str | None = None
    current_experiment: int | None = None
    experiments: tuple[dict[str, Any], ...] = ()
    last_training: dict[str, Any] | None = None
    waiting: dict[str, Any] | None = None
    news: tuple[str, ...] = ()
    preferences: dict[str, Any] = field(default_factory=dict)
    changed_preferences: dict[str, Any] | None = None
    models: tuple[Model, ...] = ()
    """What models are used with, the current one first."""
    given: tuple[str, ...] = ()
    """Names of the values that the last prediction was made from."""

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets attached in this conversation."""
        return tuple(self.columns)

    @property
    def ids(self) -> tuple[int, ...]:
        """Experiments, oldest first."""
        return tuple(int(record["id"]) for record in self.experiments)

    @property
    def names(self) -> tuple[str, ...]:
        """All column names of attached data."""
        return tuple(dict.fromkeys(name for columns in self.columns.values() for name in columns))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the values that models are used with."""
        return tuple(dict.fromkeys(name for model in self.models for name in model.inputs))

    @property
    def new_rows(self) -> Model | None:
        """The model that the file attached just now is for: it has the model's columns, without the target."""
        columns = set(self.columns.get(self.attached[-1], ())) if self.attached else set()
        fitting = (model for model in self.models if model.inputs and set(model.inputs) <= columns)
        return next((model for model in fitting if not columns & set(model.targets)), None)

    def used_with(self, names: Collection[str]) -> Model | None:
        """The model that takes values of these names, the current one if it does."""
        return next((model for model in self.models if names and set(names) <= set(model.inputs)), None)

    def experiment(self, number: int | None = None) -> dict[str, Any] | None:
        """The facts about an experiment; default the current one, else the newest."""
        wanted = number if number is not None else self.current_experiment
        for record in self.experiments:
            if record["id"] == wanted:
                return record
        return self.experiments[-1] if self.experiments and number is None else None

    def before(self) -> int | None:
        """The experiment before the current one: the one it was made from, else the next older one."""
        record = self.experiment() or {}
        older = [number for number in self.ids if number < record.get("id", 0)]
        base = record.get("made_from")
        return base if base in self.ids else older[-1] if older else None

    def score(self, number: int) -> float | None:
        """An experiment's measured score, whatever its metric."""
        record = self.experiment(number) or {}
        values = [v for k, v in record.items() if k not in _FACTS and isinstance(v, float)]
        return values[0] if values else None

    def after(self, calls: Sequence[Call]) -> World:
        """The state once these calls are done: what they made is current."""
        world = self
        for call in calls:
            result = call.result or {}
            number, dataset = result.get("experiment"), result.get("dataset")
            if dataset:
                world = replace(world, current_dataset=str(dataset))
            if isinstance(number, int):
                known = number in world.ids
                made = {"id": number, "dataset": dataset, "status": "completed"}
                records = world.experiments if known else (*world.experiments, made)
                world = replace(world, experiments=records, current_experiment=number)
        return world


def read_world(text: str) -> World:
    """Read the context; what is missing or damaged counts as unknown."""
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        facts = {}
    if not isinstance(facts, dict):
        facts = {}
    listed = facts.get("datasets", [])
    return World(
        columns={item["name"]: tuple(item.get("columns", ())) for item in listed},
        targets={item["name"]: item["target"] for item in listed if item.get("target")},
        attached=tuple(facts.get("attached_now", ())),
        samples=tuple(facts.get("samples", ())),
        current_dataset=facts.get("current_dataset"),
        current_experiment=facts.get("current_experiment"),
        experiments=tuple(facts.get("experiments", ())),
        last_training=facts.get("last_training"),
        models=tuple(
            Model(int(item["experiment"]), item.get("target"), tuple(item.get("inputs", ())))
            for item in facts.get("models", [])
        ),
        waiting=facts.get("waiting_for_yes"),
        news=tuple(facts.get("news", ())),
        preferences=dict(facts.get("preferences", {})),
        changed_preferences=facts.get("preferences_changed"),
    )
