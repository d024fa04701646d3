"""What the planner knows of the conversation's state: the `context` field of the request."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class World:
    """Datasets, experiments and open questions, as the session tells them."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    attached: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    current_dataset: str | None = None
    current_experiment: int | None = None
    experiments: tuple[dict[str, Any], ...] = ()
    last_training: dict[str, Any] | None = None
    waiting: dict[str, Any] | None = None
    news: tuple[str, ...] = ()

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets attached in this conversation."""
        return tuple(self.columns)

    @property
    def ids(self) -> tuple[int, ...]:
        """Experiments, oldest first."""
        return tuple(int(record["id"]) for record in self.experiments)

    def experiment(self, number: int | None = None) -> dict[str, Any] | None:
        """The facts about an experiment; default the current one, else the newest."""
        wanted = number if number is not None else self.current_experiment
        for record in self.experiments:
            if record["id"] == wanted:
                return record
        return self.experiments[-1] if self.experiments and number is None else None


def read_world(text: str) -> World:
    """Read the context; what is missing or damaged counts as unknown."""
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        facts = {}
    if not isinstance(facts, dict):
        facts = {}
    return World(
        columns={item["name"]: tuple(item.get("columns", ())) for item in facts.get("datasets", [])},
        attached=tuple(facts.get("attached_now", ())),
        samples=tuple(facts.get("samples", ())),
        current_dataset=facts.get("current_dataset"),
        current_experiment=facts.get("current_experiment"),
        experiments=tuple(facts.get("experiments", ())),
        last_training=facts.get("last_training"),
        waiting=facts.get("waiting_for_yes"),
        news=tuple(facts.get("news", ())),
    )
