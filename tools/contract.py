"""What every tool looks like: typed arguments in, a record out. The agent, the CLI and the page use only this."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from tools.core.errors import ExperimentError, TaskError
from tools.core.frozen import Frozen
from tools.core.records import ExperimentRecord, JobEvent
from tools.core.registry import Registry
from tools.jobs.manager import JobManager
from tools.tracking.store import Store


class ToolArgs(Frozen):
    """Arguments of a tool; every field has a description and, where it can, a default."""


class Artifact(Frozen):
    """Something to look at or download. `kind` "plot": `ref` names a plot of an experiment, `plot:ID:NAME`."""

    kind: Literal["file", "bundle", "plot", "table"]
    ref: str
    title: str = ""


class ToolResult(Frozen):
    """What a tool returns.

    `summary` is what a person reads first; `data` holds JSON values (numbers with units in the names) and stays small
    (about 1 kB): the full record is in the store. `experiment` and `dataset` become the conversation's current ones.
    `status` "running": the job goes on after the turn.
    """

    summary: str
    data: dict[str, Any] = {}
    status: Literal["done", "running"] = "done"
    experiment: int | None = None
    dataset: str | None = None
    artifacts: tuple[Artifact, ...] = ()
    next_step: str = ""
    options: tuple[str, ...] = ()


@dataclass
class ToolContext:
    """What surrounds a tool call.

    Attributes:
        home: The folder of history, uploads and runs.
        store: The history.
        jobs: The running work.
        emit: Takes progress, steps and messages while the tool runs (thread-safe).
        datasets: Names the conversation knows -> path or sample name (attached files first).
        folders: Folders a dataset may be read from, beside `datasets` and the samples (the CLI adds the user's own).
        current_experiment: The conversation's current experiment.
        session: The conversation's id.
        request: The user's words that led to this call, kept with what comes of it.
        detached: Set when the user wants the tool to stop waiting; the job goes on.
        stopped: Set when the user wants the tool and its job to stop.
    """

    home: Path
    store: Store
    jobs: JobManager
    emit: Callable[[JobEvent], None] = lambda event: None
    datasets: dict[str, str] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()
    current_experiment: int | None = None
    current_dataset: str | None = None
    session: str | None = None
    request: str = ""
    detached: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)

    def resolve_experiment(self, wanted: int | None) -> ExperimentRecord:
        """The experiment asked for, else the conversation's current one, else the newest.

        Raises:
            ExperimentError: there is none.
        """
        if wanted is not None:
            return self.store.get(wanted)
        if self.current_experiment is not None and self.store.has(self.current_experiment):
            return self.store.get(self.current_experiment)
        records = self.store.list()
        if not records:
            raise ExperimentError(
                "There is no experiment yet.", hint="Train a model first, for instance: train a classifier on iris."
            )
        return records[-1]

    def resolve_dataset(self, wanted: str | None) -> str:
        """The path or sample name behind a name, else the conversation's current dataset.

        Raises:
            TaskError: nothing is attached, the name is unknown, or the path may not be read.
        """
        from tools.engine.data.samples import SAMPLES  # names only; loads no data

        name = wanted or self.current_dataset
        if name is None and self.datasets:
            name = list(self.datasets)[-1]
        if name is None:
            raise TaskError(
                "There is no dataset yet.",
                hint=f"Attach a file, or use a sample: {', '.join(SAMPLES)}.",
            )
        if name in self.datasets:
            return self.datasets[name]
        if name.lower().removeprefix("sample:") in SAMPLES:
            return name.lower().removeprefix("sample:")
        if "\0" not in name:
            path = Path(name).expanduser()
            known = {str(Path(value).resolve()) for value in self.datasets.values()}
            for folder in (Path(), *self.folders):
                full = (folder / path).resolve()
                if str(full) in known:
                    return str(full)
                if any(full.is_relative_to(allowed.resolve()) for allowed in self.folders) and full.exists():
                    return str(full)
        raise TaskError(
            f"There is no dataset called '{name}' here.",
            hint=f"Attach the file, or use one of: {', '.join([*self.datasets, *SAMPLES])}.",
        )


A = TypeVar("A", bound=ToolArgs)


class Tool(ABC, Generic[A]):
    """One tool. The class docstring is what a language model reads; `examples` are ways people ask for it.

    Attributes:
        name: The name in the contract, for instance `DatasetInspector`.
        Args: The arguments' model; its JSON schema is the tool's schema.
        examples: Requests in plain words that this tool answers.
    """

    name: str
    Args: type[A]
    examples: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def run(self, args: A, context: ToolContext) -> ToolResult:
        """Do the work.

        Raises:
            AutoMLError: what went wrong, with what to do next.
        """

    def confirm(self, args: A, context: ToolContext) -> str | None:
        """A question to put to the user first, when the call destroys something; else None."""
        return None


TOOLS: Registry[Tool[Any]] = Registry("tool", "tools")
