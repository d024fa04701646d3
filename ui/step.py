"""A tool call as a collapsible step of the chat: what it was asked, where it is, what it found. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from agent.events import ToolFinished, ToolProgress, ToolStarted
from tools.core.records import AutoMLMetrics, StepRecord
from tools.core.units import format_duration, format_size
from ui.progress import describe

TITLES = {
    "DatasetInspector": ("Looking at the data", "Looked at the data"),
    "AutoMLWorkflow": ("Building a model", "Built a model"),
    "ArchitectureSearch": ("Searching the architecture", "Searched the architecture"),
    "HyperparameterOptimizer": ("Tuning", "Tuned"),
    "ExperimentTracker": ("Looking into the history", "Looked into the history"),
    "ModelEvaluator": ("Judging the model", "Judged the model"),
    "ResourceConstraintChecker": ("Checking the limits", "Checked the limits"),
    "ModelConverter": ("Converting", "Converted"),
    "Predictor": ("Predicting", "Predicted"),
    "JobControl": ("Looking after the jobs", "Looked after the jobs"),
}
"""Tool -> what it is doing, what it did. A tool that is not here is shown by its name."""

TRAINERS = frozenset({"AutoMLWorkflow", "ArchitectureSearch", "HyperparameterOptimizer"})
"""Tools that start a job and end with a model."""

_MAX_RESULT = 1500
_MAX_MESSAGES = 6


@dataclass
class Step:
    """Collects the events of one call.

    Attributes:
        call: The call's id.
        name: The tool.
        args: What it was asked.
        metrics: The latest reading.
        steps: The visible steps that ended.
        said: The latest messages.
        finished: The call's end, once there.
        cut: The turn ended while the call was running.
    """

    call: str
    name: str
    args: dict[str, Any]
    metrics: AutoMLMetrics | None = None
    steps: list[StepRecord] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    trials: dict[str, int] = field(default_factory=dict)
    finished: ToolFinished | None = None
    cut: bool = False

    @classmethod
    def of(cls, event: ToolStarted) -> Step:
        """The step that a call begins."""
        return cls(event.call, event.name, event.args)

    def add(self, event: ToolProgress | ToolFinished) -> None:
        """Take in one more event of the call."""
        if isinstance(event, ToolFinished):
            self.finished = event
            return
        news = event.event
        if news.metrics is not None:
            self.metrics = news.metrics
        if news.step is not None:
            self.steps.append(news.step)
            self.said = []  # what was said before is behind us
        if news.trial is not None:
            self.trials[news.trial.status] = self.trials.get(news.trial.status, 0) + 1
        if news.kind == "message" and news.message:
            self.said = [*self.said, news.message][-_MAX_MESSAGES:]

    def title(self) -> str:
        """The line that is always to be seen."""
        doing, did = TITLES.get(self.name, (self.name, self.name))
        if self.finished is None:
            live = "" if self.metrics is None or self.cut else f" · {describe(self.metrics)}"
            return f"{doing}{live}"
        if not self.finished.ok:
            return f"{doing}: did not work"
        waits = self.finished.running and self.name in TRAINERS
        return f"{doing}: goes on in the background" if waits else did

    def content(self) -> str:
        """What is inside: arguments, the bar while it runs, the steps, the result."""
        parts = [f"`{self.name}` {arguments(self.args)}".rstrip()]
        if self.finished is None and not self.cut and self.metrics is not None:
            parts.append(bar(self.metrics.progress))
        if self.steps:
            lines = [
                f"- **{step.name}**{_took(step.seconds)}: {step.summary}" if step.summary else f"- **{step.name}**"
                for step in self.steps
            ]
            parts.append("\n".join(lines))
        if self.trials:
            parts.append("Trials: " + ", ".join(f"{count} {status}" for status, count in self.trials.items()))
        if self.finished is None:
            parts += [f"*{text}*" for text in self.said]
        elif self.finished.ok:
            parts.append(details(self.finished.result))
        else:
            parts.append(self.finished.summary)
        return "\n\n".join(part for part in parts if part)

    def metadata(self) -> dict[str, Any]:
        """What makes the chat draw it as a step."""
        data: dict[str, Any] = {"title": self.title(), "id": self.call}
        data["status"] = "pending" if self.finished is None and not self.cut else "done"
        if self.finished is not None:
            data["duration"] = self.finished.seconds
        return data


def bar(progress: float) -> str:
    """A bar drawn with the page's own colours."""
    return f'<progress value="{min(max(progress, 0.0), 1.0):.3f}" max="1"></progress>'


def arguments(args: dict[str, Any]) -> str:
    """The arguments in one line, with sizes and times as people write them.

    >>> arguments({"dataset": "iris", "time_s": 120.0, "max_model_size": 200000, "target": None})
    'dataset iris · time 2 min · max model size 200 kB'
    """
    parts = []
    for key, value in args.items():
        if value is None or value in ([], (), {}):
            continue
        words = key.removesuffix("_s") if key == "time_s" else key.removesuffix("_ms")
        parts.append(f"{words.replace('_', ' ')} {_quantity(key, value)}")
    return " · ".join(parts)


def _quantity(key: str, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if key == "time_s":
            return format_duration(value)
        if key.endswith("_ms"):
            return f"{value:g} ms"
        if key in ("max_model_size", "max_memory", "max_gpu_memory", "max_disk"):
            return format_size(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    return str(value)


def details(result: dict[str, Any]) -> str:
    """The tool's data as JSON, cut where it gets long."""
    if not result:
        return ""
    text = json.dumps(result, ensure_ascii=False, indent=1, default=str)
    if len(text) > _MAX_RESULT:
        text = text[:_MAX_RESULT].rsplit("\n", 1)[0] + "\n …"
    return f"```json\n{text}\n```"


def _took(seconds: float) -> str:
    return f" ({format_duration(seconds)})" if seconds >= 0.05 else ""
