"""What every tool looks like: typed arguments in, a record out. The agent, the CLI and the page use only this."""

from __future__ import annotations

import difflib
import itertools
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

MOST_FILES = 1000
"""So many files of a folder are looked at for a name like the one that was not found."""


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
        by_path: The user sits at a terminal and gives paths, where others attach files.
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
    by_path: bool = False
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
            give = "Give the path of a file" if self.by_path else "Attach a file"
            raise TaskError("There is no dataset yet.", hint=f"{give}, or use a sample: {', '.join(SAMPLES)}.")
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
        near = self._near(name, [*self.datasets, *SAMPLES])
        maybe = f"Did you mean '{near}'? " if near else ""
        give = "Give the path of a file" if self.by_path else "Attach the file"
        raise TaskError(
            f"There is no dataset called '{name}' here.",
            hint=f"{maybe}{give}, or use one of: {', '.join([*self.datasets, *SAMPLES])}.",
        )

    def _near(self, name: str, known: list[str]) -> str | None:
        """The dataset that looks most like a name: one that is known, or a file in a folder that may be read."""
        wanted = Path(name.replace("\0", "")).name.lower()
        names = {other.lower(): other for other in known}
        for folder in self.folders:
            if folder.is_dir():
                for file in itertools.islice(folder.iterdir(), MOST_FILES):
                    names.setdefault(file.name.lower(), file.name)
        close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
        return names[close[0]] if close else None


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
