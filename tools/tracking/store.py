"""The experiment history: small summaries in TinyDB, curves and artifacts in run folders beside it."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError
from tinydb import TinyDB
from tinydb.table import Document

from tools.core.errors import ExperimentError
from tools.core.records import ErrorInfo, ExperimentPlan, ExperimentRecord, Status, StepRecord, TrialRecord, now
from tools.tracking import queries
from tools.tracking.documents import pack, unpack
from tools.tracking.files import dump, read_lines, write_atomically
from tools.tracking.migrations import MIGRATIONS, migrate, schema_of
from tools.tracking.recovery import from_backup, rebuild
from tools.tracking.storage import AtomicStorage, DamagedFile

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 30.0
KEPT_STEPS = 40

Records = list[ExperimentRecord]
Trials = list[TrialRecord]
Names = list[str]


class Store:
    """All experiments of one home folder; safe to use from several processes and threads.

    Args:
        home: The home folder; `history.json` lies in it, run folders under `runs/ID/`.

    Attributes:
        notices: What the user should know about the history itself, for instance that it was restored.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.runs = self.home / "runs"
        self.runs.mkdir(parents=True, exist_ok=True)
        self.notices: Names = []
        self._threads = threading.RLock()
        self._file_lock = FileLock(self.home / "history.lock", timeout=LOCK_TIMEOUT_S)
        self._storage = AtomicStorage(self.home / "history.json")
        self._records: dict[int, tuple[dict[str, Any], ExperimentRecord]] = {}
        self._db = TinyDB(storage=lambda: self._storage)
        self._experiments = self._db.table("experiments", cache_size=0)
        self._meta = self._db.table("meta", cache_size=0)
        self._open()

    def create(self, plan: ExperimentPlan, dataset: str) -> ExperimentRecord:
        """Add a running experiment and make its run folder.

        Args:
            plan: What is to be done.
            dataset: Short name of the data, for people.
        """
        with self._changing():
            meta = self._meta.get(doc_id=1)
            assert isinstance(meta, dict)
            number = int(meta["next_id"])
            while self.folder(number).exists():  # a folder nobody remembers is somebody's work all the same
                number += 1
            folder = self.folder(number)
            folder.mkdir(parents=True)
            record = ExperimentRecord(
                id=number, kind=plan.kind, created_at=now(), request=plan.request, session=plan.session,
                dataset=dataset, plan=plan, folder=str(folder),
            )  # fmt: skip
            self._meta.update({"next_id": number + 1}, doc_ids=[1])
            document = pack(record.model_dump(mode="json"), self.home, folder)
            self._experiments.insert(Document(document, doc_id=number))
            return record

    def get(self, experiment: int) -> ExperimentRecord:
        """One experiment.

        Raises:
            ExperimentError: there is none with this number, or its entry is damaged.
        """
        with self._reading():
            document = self._experiments.get(doc_id=experiment)
            known = len(self._experiments) if document is None else 0
        if not isinstance(document, dict):
            hint = "List the experiments to see their numbers." if known else "Train a model first."
            raise ExperimentError(f"There is no experiment {experiment} in the history.", hint=hint)
        record = self._unpack(experiment, document)
        if record is None:
            raise ExperimentError(
                f"The entry of experiment {experiment} in the history is damaged.",
                hint=f"Its files are in '{self.folder(experiment)}'; delete the experiment or train it again.",
            )
        return record

    def has(self, experiment: int) -> bool:
        """Whether there is an experiment with this number."""
        with self._reading():
            return self._experiments.contains(doc_id=experiment)

    def list(self) -> Records:
        """All experiments, oldest first."""
        with self._reading():
            documents = sorted(self._experiments.all(), key=lambda document: document.doc_id)
        found = [self._unpack(document.doc_id, document) for document in documents]
        return [record for record in found if record is not None]

    def update(self, experiment: int, **fields: Any) -> ExperimentRecord:
        """Set fields of an experiment.

        Raises:
            ExperimentError: there is no such experiment.
            TaskError: a field is unknown or has a wrong value.
        """
        with self._changing():
            return self._set(self.get(experiment), fields)

    def settle(
        self, experiment: int, status: Status, error: ErrorInfo | None = None, wall_s: float | None = None
    ) -> ExperimentRecord:
        """Give a running experiment its final status; one that has a final status keeps it."""
        with self._changing():
            record = self.get(experiment)
            if record.status != "running":
                return record
            fields: dict[str, Any] = {"status": status, "finished_at": now(), "error": error}
            if wall_s is not None:
                fields["wall_s"] = wall_s
            return self._set(record, fields)

    def add_steps(self, experiment: int, steps: Sequence[StepRecord]) -> ExperimentRecord:
        """Keep visible steps; one with the name of an earlier step takes its place."""
        with self._changing():
            record = self.get(experiment)
            kept = {step.name: step for step in record.steps}
            kept.update({step.name: step for step in steps})
            return self._set(record, {"steps": tuple(kept.values())[-KEPT_STEPS:]})

    def tag(self, experiment: int, tags: Sequence[str]) -> ExperimentRecord:
        """Add tags (each once)."""
        with self._changing():
            record = self.get(experiment)
            return self._set(record, {"tags": tuple(dict.fromkeys([*record.tags, *tags]))})

    def note(self, experiment: int, text: str) -> ExperimentRecord:
        """Add a note."""
        with self._changing():
            record = self.get(experiment)
            return self._set(record, {"notes": (*record.notes, text)})

    def delete(self, experiment: int) -> None:
        """Forget an experiment and remove its run folder; its number is not given again.

        Raises:
            ExperimentError: there is no such experiment, or it is running.
        """
        with self._changing():
            if self.has(experiment) and self._is_running(experiment):
                raise ExperimentError(
                    f"Experiment {experiment} is still running.", hint="Cancel its job first, then delete it."
                )
            if not self.has(experiment):
                self.get(experiment)  # raises the usual error
            folder = self.folder(experiment)
            leaving = folder.with_name(f".deleted-{experiment}")
            if folder.exists():
                os.replace(folder, leaving)
            self._experiments.remove(doc_ids=[experiment])
            self._records.pop(experiment, None)
        shutil.rmtree(leaving, ignore_errors=True)

    def trials(self, experiment: int) -> Trials:
        """The trials of an experiment with their curves, by number; a trial told twice counts as told last."""
        found: dict[int, TrialRecord] = {}
        for _, line in read_lines(self.folder(experiment) / "trials.jsonl"):
            try:
                trial = TrialRecord.model_validate(line)
            except ValidationError:
                logger.warning("Experiment %s: a line of trials.jsonl is not a trial.", experiment)
                continue
            found[trial.number] = trial
        return [found[number] for number in sorted(found)]

    def find(self, **wanted: Any) -> Records:
        """The experiments that fit, oldest first; see `queries.find` for the filters."""
        return queries.find(self.list(), **wanted)

    def best(self, dataset: str | None = None, metric: str | None = None) -> ExperimentRecord | None:
        """The completed experiment with the best value on test data; see `queries.best`."""
        return queries.best(self.list(), dataset, metric)

    def folder(self, experiment: int) -> Path:
        """The run folder of an experiment."""
        return self.runs / str(experiment)

    def _set(self, record: ExperimentRecord, fields: dict[str, Any]) -> ExperimentRecord:
        changed = ExperimentRecord.read({**dict(record), **fields})
        document = pack(changed.model_dump(mode="json", include=set(fields)), self.home, self.folder(record.id))
        self._records.pop(record.id, None)
        self._experiments.update(document, doc_ids=[record.id])
        if changed.status != "running":
            whole = pack(changed.model_dump(mode="json"), self.home, self.folder(record.id))
            write_atomically(self.folder(record.id) / "record.json", dump(whole))
        return changed

    def _is_running(self, experiment: int) -> bool:
        document = self._experiments.get(doc_id=experiment)
        return isinstance(document, dict) and document.get("status") == "running"

    def _unpack(self, experiment: int, document: dict[str, Any]) -> ExperimentRecord | None:
        known = self._records.get(experiment)
        if known is not None and known[0] == document:
            return known[1]
        try:
            record = unpack(document, self.home, self.folder(experiment))
        except ValueError as error:
            logger.warning("Experiment %s in the history cannot be read: %s", experiment, error)
            return None
        self._records[experiment] = (dict(document), record)
        return record

    def _open(self) -> None:
        """Make, restore or update the file where that is needed; a current file is only looked at."""
        try:
            if schema_of(self._storage.read()) == len(MIGRATIONS):
                return
        except DamagedFile:
            pass
        with self._changing():
            if not self._storage.path.exists():
                self._notice(rebuild(self._storage, self.runs))
            tables = self._storage.read() or {}
            if migrate(tables):
                self._storage.write(tables)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Reads need no lock between processes: the file is only ever replaced as a whole."""
        with self._threads:
            try:
                self._storage.read()
            except DamagedFile:
                with self._changing():
                    pass
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time, between threads and between processes, from its reading to its writing.

        Raises:
            ExperimentError: somebody keeps the lock, or the file cannot be written; nothing has changed then.
        """
        with self._threads:
            try:
                with self._file_lock:
                    try:
                        self._storage.read()
                    except DamagedFile:
                        self._notice(from_backup(self._storage))
                    yield
            except Timeout:
                raise ExperimentError(
                    f"The history in '{self.home}' has been busy for {LOCK_TIMEOUT_S:.0f} s.",
                    hint="Another program holds it; try again when that has finished.",
                ) from None
            except OSError as error:
                raise ExperimentError(
                    f"The history in '{self.home}' could not be written: {error.strerror or error}.",
                    hint="Free some disk space or correct the folder's rights and try again; the history is as it was.",
                ) from None

    def _notice(self, text: str | None) -> None:
        if text is not None:
            logger.warning("%s", text)
            self.notices.append(text)
