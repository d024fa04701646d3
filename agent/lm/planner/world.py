"""What the planner knows of the conversation's state: the `context` field of the request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.lm.planner.request import Call

_FACTS = frozenset({"id", "size_bytes", "latency_ms", "made_from"})


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
    inputs: tuple[str, ...] = ()
    """Names of the values that the current model is used with."""
    predicts: str | None = None
    """The target of the current model."""
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
    def new_rows(self) -> bool:
        """Whether the file attached just now is for the current model: it has its columns, without the target."""
        columns = set(self.columns.get(self.attached[-1], ())) if self.attached else set()
        targets = set((self.predicts or "").split(", "))
        return bool(self.inputs) and set(self.inputs) <= columns and not columns & targets

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
    listed, model = facts.get("datasets", []), facts.get("model", {})
    return World(
        columns={item["name"]: tuple(item.get("columns", ())) for item in listed},
        targets={item["name"]: item["target"] for item in listed if item.get("target")},
        attached=tuple(facts.get("attached_now", ())),
        samples=tuple(facts.get("samples", ())),
        current_dataset=facts.get("current_dataset"),
        current_experiment=facts.get("current_experiment"),
        experiments=tuple(facts.get("experiments", ())),
        last_training=facts.get("last_training"),
        inputs=tuple(model.get("inputs", ())),
        predicts=model.get("target"),
        waiting=facts.get("waiting_for_yes"),
        news=tuple(facts.get("news", ())),
        preferences=dict(facts.get("preferences", {})),
        changed_preferences=facts.get("preferences_changed"),
    )
