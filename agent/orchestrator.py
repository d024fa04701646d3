"""The workflow from Python: `AutoMLAgent(config).run_automl(request)`, and the four specialists behind it."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import loop
from agent.analysis import analyse
from agent.specialists.architect import ModelArchitect
from agent.specialists.brief import Brief, family_names
from agent.specialists.conversion import ConversionSpecialist
from agent.specialists.preprocessing import PreprocessingSpecialist
from agent.specialists.training import TrainingSpecialist
from tools.contract import TOOLS, ToolContext
from tools.core.config import AutoMLConfig, AutoMLRequest
from tools.core.errors import AutoMLError, ExperimentError, ResourceError, from_dict
from tools.core.records import ExperimentPlan, ExperimentRecord, JobEvent, StepRecord, now
from tools.workspace import open_workspace

if TYPE_CHECKING:
    import dspy

logger = logging.getLogger(__name__)


class AgentOrchestrator:
    """Runs the specialists in order, each a visible step: analyse, design, preprocess, optimise and train, convert.

    Args:
        context: History, jobs, and who is told what happens (`emit`).
        config: The frame all requests live in.
        lm: A language model name or `dspy.LM` instead of the settings' own.
    """

    def __init__(self, context: ToolContext, config: AutoMLConfig, lm: str | dspy.LM | None = None) -> None:
        self.architect = ModelArchitect()
        self.preprocessing = PreprocessingSpecialist()
        self.training = TrainingSpecialist()
        self.conversion = ConversionSpecialist()
        self.steps: list[StepRecord] = []
        self._context = context
        self._config = config
        self._lm = lm

    def plan(self, request: AutoMLRequest) -> tuple[ExperimentPlan, Brief]:
        """Analyse, design, preprocess and choose the training: everything up to the job.

        Raises:
            AutoMLError: the data cannot be read, or the request does not fit it.
        """
        brief = self._step("task analysis", lambda: self._brief(request), _analysed)
        treatment = self._step("preprocessing", lambda: self.preprocessing.propose(brief), lambda made: made.summary)
        design = self._step("architecture", lambda: self.architect.propose(brief), lambda made: made.summary)
        training = self._step("training", lambda: self.training.propose(brief), lambda made: made.summary)
        plan = ExperimentPlan(
            request=request.task,
            dataset=brief.profile.source or request.data.source,
            target=treatment.target,
            ignore=request.data.ignore,
            task=self._config.task_type if "task_type" in self._config.model_fields_set else None,
            metric=training.metric,
            validation=treatment.validation,
            objectives=training.objectives,
            limits=training.limits,
            search=training.search,
            families=design.families,
            proposals=design.proposals,
            session=self._context.session,
        )
        return plan, brief

    def run(self, request: AutoMLRequest) -> ExperimentRecord:
        """The whole workflow; blocks until the job has ended.

        Raises:
            AutoMLError: planning failed, or the experiment did.
        """
        plan, brief = self.plan(request)
        job = self._context.jobs.submit(plan)
        stopped = self._context.stopped
        for event in self._context.jobs.follow(job.id, until=stopped.is_set):
            self._context.emit(event)
        if stopped.is_set():
            self._context.jobs.cancel(job.id)
        record = self._context.store.get(job.id)
        if record.status != "completed":
            raise _failure(record)
        self._convert(brief, record)
        return self._context.store.get(job.id)

    def _brief(self, request: AutoMLRequest) -> Brief:
        from agent.lm.settings import language_models
        from tools.engine.data.candidates import without_columns
        from tools.engine.data.profile import profile
        from tools.engine.data.read import load

        dataset = without_columns(load(request.data.source, request.data.target), request.data.ignore)
        described = profile(dataset, request.data.target)
        families = family_names()
        lms = language_models(self._lm)
        asked = loop.start(analyse(self._config, request, described, families, lms, self._say)).result()
        return Brief(self._config, request, described, *asked)

    def _convert(self, brief: Brief, record: ExperimentRecord) -> None:
        """Another precision where a limit is missed; that it does not help is said, and is no failure."""
        delivery = self._step("conversion", lambda: self.conversion.propose(brief, record), lambda made: made.summary)
        if delivery.convert is None:
            return
        tool = TOOLS.get("ModelConverter")
        try:
            result = tool.run(tool.Args.model_validate(delivery.convert), self._context)
        except AutoMLError as error:
            self._say(str(error))
        else:
            self._say(result.summary)

    def _step(self, name: str, work: Callable[[], Any], tell: Callable[[Any], str]) -> Any:
        began = time.monotonic()
        made = work()
        step = StepRecord(name=name, summary=tell(made), seconds=round(time.monotonic() - began, 3))
        self.steps.append(step)
        self._context.emit(JobEvent(time=now(), kind="step", step=step))
        return made

    def _say(self, text: str) -> None:
        self._context.emit(JobEvent(time=now(), kind="message", message=text))


class AutoMLAgent:
    """The Python door: one call from a request to a verified model.

    Args:
        config: The frame: task type, time, memory, objectives.
        home: Where history and runs are kept; default `AUTOML_HOME`, else the user's data folder.
        lm: A language model name or `dspy.LM`; default the settings' own, without any the built-in planner.
        emit: Takes steps and progress while it runs.
    """

    def __init__(
        self,
        config: AutoMLConfig | None = None,
        home: Path | str | None = None,
        lm: str | dspy.LM | None = None,
        emit: Callable[[JobEvent], None] = lambda event: None,
    ) -> None:
        self.config = config or AutoMLConfig()
        self._home = home
        self._lm = lm
        self._emit = emit

    def run_automl(self, request: AutoMLRequest) -> ExperimentRecord:
        """Analyse, design, preprocess, optimise, train, convert.

        With `experiment_tracking.enabled` false the run is in no history: it lives in a temporary folder of its own.

        Raises:
            AutoMLError: what went wrong, with what to do next; a failed experiment is in the history too.
        """
        tracking = self.config.experiment_tracking
        if tracking.backend == "remote":
            raise ResourceError(
                "A remote tracking backend is not connected here.", hint="Use experiment_tracking.backend='local'."
            )
        home = self._home if tracking.enabled else tempfile.mkdtemp(prefix="automl-untracked-")
        context = open_workspace(home, emit=self._emit)
        return AgentOrchestrator(context, self.config, self._lm).run(request)


def _analysed(brief: Brief) -> str:
    advised = brief.recommendations.architecture.get("families") or []
    first = f"; to be tried first: {', '.join(str(name) for name in advised)}" if advised else ""
    return f"{brief.profile.task or 'custom'} on {brief.profile.n_rows} rows of {brief.profile.name}{first}."


def _failure(record: ExperimentRecord) -> AutoMLError:
    if record.error is not None:
        error = from_dict(record.error.model_dump())
        error.details["experiment"] = record.id
        return error
    return ExperimentError(
        f"Experiment {record.id} is {record.status}.",
        details={"experiment": record.id},
        hint=f"Resume it with: automl-agent jobs resume {record.id}.",
    )
