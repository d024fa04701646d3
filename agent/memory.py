"""What a conversation remembers: attached datasets, the current experiment, what waits for a yes. Ids, never data."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from tools.core.errors import AutoMLError
from tools.core.records import ExperimentRecord
from tools.engine.data.samples import SAMPLES
from tools.tracking.store import Store

_SHOWN_EXPERIMENTS = 12
_SHOWN_COLUMNS = 60
_SHOWN_MODELS = 3
_SHOWN_INPUTS = 30


class DatasetNote(BaseModel):
    """A dataset the conversation knows by name."""

    name: str
    path: str
    columns: tuple[str, ...] = ()
    target: str | None = None


class Pending(BaseModel):
    """A destructive call that waits for the user's yes."""

    tool: str
    args: dict[str, Any]
    question: str


class Memory(BaseModel):
    """The memory of one session; saved with every turn."""

    datasets: dict[str, DatasetNote] = {}
    current_dataset: str | None = None
    current_experiment: int | None = None
    last_training: dict[str, Any] | None = Field(default=None, description="{tool, args} of the last call that trained")
    watched: list[int] = Field(default=[], description="jobs left running whose end has not been told yet")
    pending: Pending | None = None
    preferences: dict[str, Any] = Field(default={}, description="arguments that the user wants of every training")

    def hear(self, text: str) -> dict[str, Any] | None:
        """Take up a standing wish ("always keep it under 5 MB") or its end ("forget the size rule").

        Returns:
            What changed, {"set": {…}} or {"forgotten": [names]}; None when the text is about something else.
        """
        from agent.lm.planner.preferences import change

        changed = change(text, self.preferences)
        if changed is None:
            return None
        self.preferences = {**self.preferences, **changed.get("set", {})}
        for name in changed.get("forgotten", ()):
            self._lift(name)
        return changed

    def _lift(self, name: str) -> None:
        """A rule that is lifted is not handed on by "the same again" either."""
        value = self.preferences.pop(name, None)
        if self.last_training and self.last_training["args"].get(name) == value:
            args = {key: kept for key, kept in self.last_training["args"].items() if key != name}
            self.last_training = {**self.last_training, "args": args}

    def add_dataset(self, note: DatasetNote) -> None:
        """Remember a dataset and make it the current one."""
        self.datasets[note.name] = note
        self.current_dataset = note.name

    def finished(self, store: Store) -> list[ExperimentRecord]:
        """Take from `watched` the jobs that ended since the last turn."""
        ended: list[ExperimentRecord] = []
        still: list[ExperimentRecord] = []
        for number in self.watched:
            try:
                record = store.get(number)
            except AutoMLError:  # deleted meanwhile: nothing to tell
                continue
            (still if record.status == "running" else ended).append(record)
        self.watched = [record.id for record in still]
        return ended

    def context(
        self,
        store: Store,
        said: str | None = None,
        news: list[str] | None = None,
        preferences_changed: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What a language model is told about the state of the conversation; JSON, about 2 kB.

        Args:
            store: The history.
            said: How the user's message answers the pending question: "yes", "no" or None.
            news: Sentences about what happened since the last turn.
            preferences_changed: What the user's message changed in the standing wishes (see `hear`).
        """
        records = store.list()
        if self.current_experiment is not None and not any(r.id == self.current_experiment for r in records):
            self.current_experiment = None
        facts: dict[str, Any] = {
            "datasets": [_dataset(note) for note in self.datasets.values()],
            "samples": sorted(SAMPLES),
            "current_dataset": self.current_dataset,
            "current_experiment": self.current_experiment,
            "experiments": [_experiment(record) for record in records[-_SHOWN_EXPERIMENTS:]],
            "models": _models(self.current_experiment, records),
            "last_training": self.last_training,
            "preferences": self.preferences,
            "preferences_changed": preferences_changed,
        }
        if news:
            facts["news"] = news
        if self.pending is not None:
            facts["waiting_for_yes"] = {**self.pending.model_dump(), "user_said": said}
        return {key: value for key, value in facts.items() if value not in (None, [], {})}


def _dataset(note: DatasetNote) -> dict[str, Any]:
    shown = {"name": note.name, "columns": list(note.columns[:_SHOWN_COLUMNS]), "target": note.target}
    return {key: value for key, value in shown.items() if value}


def _experiment(record: ExperimentRecord) -> dict[str, Any]:
    score = record.test.get(record.metric) if record.metric else None
    shown = {
        "id": record.id,
        "dataset": record.dataset,
        "status": record.status,
        "task": record.task,
        record.metric or "score": None if score is None else round(score, 4),
        "size_bytes": record.best.model_size if record.best else None,
        "latency_ms": record.best.resources.inference_latency if record.best else None,
        "tags": list(record.tags),
        "made_from": record.plan.base_experiment,
    }
    return {key: value for key, value in shown.items() if value not in (None, [])}


def _models(current: int | None, records: list[ExperimentRecord]) -> list[dict[str, Any]]:
    """What models are used with, the current one first, then the newest of other data: target and columns."""
    ordered = sorted(records, key=lambda record: (record.id != current, -record.id))
    found: dict[str, dict[str, Any]] = {}
    for record in ordered:
        profile = record.profile
        if profile is None or record.best is None or profile.modality not in ("tabular", "text"):
            continue
        target = record.plan.target or profile.target
        names = [column.name for column in profile.columns if column.name not in (target or "").split(", ")]
        found.setdefault(record.dataset, {"experiment": record.id, "target": target, "inputs": names[:_SHOWN_INPUTS]})
    return list(found.values())[:_SHOWN_MODELS]


def told(record: ExperimentRecord) -> str:
    """One sentence about a job that ended while nobody watched."""
    if record.status == "completed":
        score = record.test.get(record.metric) if record.metric else None
        reached = f" with {record.metric} {score:.3f} on the test rows" if score is not None else ""
        return f"Experiment {record.id} on {record.dataset} has finished{reached}."
    why = f": {record.error.message}" if record.error else "."
    return f"Experiment {record.id} on {record.dataset} is {record.status}{why}"
