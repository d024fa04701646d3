"""The study: Optuna behind ask and tell, kept in the run folder so that nothing finished is lost or redone."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, Trial, TrialState

from tools.core.records import TrialRecord
from tools.engine.families.family import Params
from tools.engine.search.journal import open_journal
from tools.engine.search.objective import Objective
from tools.engine.search.space import Space

RECORD, WHY, QUEUED, EPOCHS = "record", "why", "queued", "best_epochs"
THRIFT, SHRUNK, RETRIED = "thrift", "shrunk", "retried"
DEFAULT = "default of"
_STATES = {
    "completed": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,  # with a violated constraint, which the samplers tell apart
    "failed": TrialState.FAIL,
}


@dataclass(frozen=True)
class Queued:
    """A configuration to try before the sampler's own ideas.

    Attributes:
        family: Registered name.
        params: Of the family.
        why: For people.
        thrift: How memory is saved (see `FitContext`).
        shrunk: How often it was made smaller because a larger one did not fit.
        retried: Whether it is a second attempt after a killed worker.
    """

    family: str
    params: Params
    why: str
    thrift: int = 0
    shrunk: int = 0
    retried: bool = False


@dataclass(frozen=True, kw_only=True)
class Candidate(Queued):
    """A configuration to be judged: what was queued or sampled, as a trial of the study."""

    number: int
    trial: Trial

    def once_more(self) -> Queued:
        """The same again, after its worker was killed."""
        why = f"{self.why}; trial {self.number} once more"
        return Queued(self.family, self.params, why, self.thrift, self.shrunk, retried=True)


class Study:
    """A search over a space, resumable from its journal.

    Args:
        path: The journal file.
        space: What is searched.
        make_sampler: Makes what new configurations come from, told how many trials the journal holds.
        first: Configurations to try first, in order (ignored when the journal already holds them).
        objective: What the sampler hears of a finished trial, one value or one per goal.
    """

    def __init__(
        self,
        path: Path,
        space: Space,
        make_sampler: Callable[[int], BaseSampler],
        first: Sequence[Queued],
        objective: Objective,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._objective = space, objective
        self._study = optuna.create_study(
            storage=open_journal(path),
            study_name="search",
            directions=["maximize"] * max(1, len(objective.apart)),
            load_if_exists=True,
        )
        self._study.sampler = make_sampler(len(self._study.get_trials(deepcopy=False)))
        self.records: list[TrialRecord] = []
        self.best_epochs: dict[int, tuple[float, ...]] = {}
        self.interrupted = self._recover()
        if not self._study.user_attrs.get(QUEUED):
            for item in first:
                self.enqueue(item)
            self._study.set_user_attr(QUEUED, True)

    @property
    def finished(self) -> list[TrialRecord]:
        """Trials with a score, best objective first; equals (few validation rows give many) by their log loss."""
        done = [record for record in self.records if record.status == "completed" and record.objective is not None]
        return sorted(done, key=lambda record: (-(record.objective or 0.0), record.metrics.get("log_loss", 0.0)))

    def leaders(self, n: int) -> list[TrialRecord]:
        """The best `n` trials, then every family's best trial and best default: few, and not all of one kind."""
        done = self.finished
        chosen = {record.number: record for record in done[:n]}
        for wanted in ("", DEFAULT):
            seen: set[str] = set()
            for record in done:
                if record.reason.startswith(wanted) and record.model_architecture not in seen:
                    seen.add(record.model_architecture)
                    chosen.setdefault(record.number, record)
        return list(chosen.values())

    @property
    def n_queued(self) -> int:
        """Configurations that wait."""
        return len(self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

    def enqueue(self, item: Queued) -> None:
        """Put a configuration at the end of the queue."""
        attrs = {WHY: item.why, THRIFT: item.thrift, SHRUNK: item.shrunk, RETRIED: item.retried}
        self._study.enqueue_trial(self._space.flat(item.family, item.params), user_attrs=attrs)

    def ask(self) -> Candidate:
        """The next configuration: from the queue, then from the sampler."""
        trial = self._study.ask()
        family, params = self._space.suggest(trial)
        return Candidate(family=family, params=params, number=trial.number, trial=trial, **_queued_with(trial))

    def tell(
        self,
        candidate: Candidate,
        record: TrialRecord,
        violations: dict[str, float] | None = None,
        best_epochs: tuple[float, ...] = (),
    ) -> None:
        """Keep the end of a trial; once this returns, it survives a kill.

        Args:
            candidate: As `ask` gave it.
            record: What came out.
            violations: Limit -> by how much it is exceeded (relative); for an infeasible trial.
            best_epochs: For a refit.
        """
        trial = candidate.trial
        # The record goes first: a trial killed between the two writes is completed from it (see `_recover`).
        trial.set_user_attr(EPOCHS, list(best_epochs))
        for name, amount in (violations or {}).items():
            trial.set_constraint(name, amount)
        if record.status == "pruned" and record.objective is not None and not self._objective.apart:
            trial.report(record.objective, max(1, len(record.curve)))
        trial.set_user_attr(RECORD, record.model_dump(mode="json"))
        self._tell(trial.number, record)
        self._remember(record, best_epochs)

    def _tell(self, number: int, record: TrialRecord) -> None:
        state = _STATES[record.status]
        values = self._objective.told(record)
        if state is TrialState.COMPLETE and not all(math.isfinite(value) for value in values):
            state = TrialState.FAIL
        self._study.tell(number, values if state is TrialState.COMPLETE else None, state=state)

    def _remember(self, record: TrialRecord, best_epochs: tuple[float, ...]) -> None:
        self.records.append(record)
        self.best_epochs[record.number] = best_epochs

    def _recover(self) -> int:
        """Read what an earlier run left: finished trials are taken over, running ones are tried again.

        Returns:
            How many running trials were put back in the queue.
        """
        again = 0
        for trial in self._study.get_trials(deepcopy=False):
            kept = trial.user_attrs.get(RECORD)
            if trial.state == TrialState.RUNNING:
                if kept is not None:
                    self._tell(trial.number, TrialRecord.model_validate(kept))
                else:
                    # Queued before it is told: a kill between the two tries it twice rather than never.
                    wanted = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
                    if wanted:
                        self._study.enqueue_trial(wanted, user_attrs=_queued_with(trial))
                        again += 1
                    self._study.tell(trial.number, state=TrialState.FAIL)
            if kept is not None:
                epochs = tuple(float(value) for value in trial.user_attrs.get(EPOCHS, ()))
                self._remember(TrialRecord.model_validate(kept), epochs)
        return again


def _queued_with(trial: Trial | FrozenTrial) -> dict[str, Any]:
    """What a trial was queued with, beside its configuration; one that was sampled was not."""
    names = (WHY, THRIFT, SHRUNK, RETRIED)
    return {WHY: "sampled", **{name: trial.user_attrs[name] for name in names if name in trial.user_attrs}}


__all__ = ["DEFAULT", "Candidate", "Queued", "Study"]
