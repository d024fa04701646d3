"""ResourceConstraintChecker: does a model fit, and what would make it fit."""

from __future__ import annotations

from pydantic import Field

from tools._models import open_bundle, with_model
from tools._search_args import FinishedLimits
from tools._steps import Steps
from tools._training import short
from tools.contract import TOOLS, Tool, ToolContext, ToolResult
from tools.core.records import ConstraintCheck, ExperimentRecord, TrialRecord
from tools.core.units import format_size
from tools.jobs import isolated
from tools.tracking.files import read_json
from tools.tracking.store import Store
from tools.tracking.wording import check_sentence, number

INT8_SHARE = 0.3
"""An int8 file is about a quarter of the fp32 one plus what is not weights; a guess: the converter measures it."""
INT8_FROM = 40_000
"""Below this many bytes most of a file is not weights, and int8 saves nothing."""


class CheckerArgs(FinishedLimits):
    """Which model, and the limits; without limits, those of its own experiment."""

    experiment: int | None = Field(
        default=None, description="experiment; omitted: the conversation's current one, else the newest with a model"
    )


@TOOLS.register
class ResourceConstraintChecker(Tool[CheckerArgs]):
    """Measure a trained model (file size, time per row, memory, accuracy) against limits; say what would make it fit.

    Use it when the user asks whether a model fits a device or a limit, how big or how fast it is, or how much memory it
    needs. Measures the exported file on this machine with one thread. Trains nothing.
    """

    name = "ResourceConstraintChecker"
    Args = CheckerArgs
    examples = (
        "Does it fit into 50 kB and 2 ms?",
        "How big is the model?",
        "How fast is experiment 2?",
        "Will it run with 100 MB of RAM?",
        "Check the limits again",
        "Is it small enough for a microcontroller with 200 kB?",
    )

    def run(self, args: CheckerArgs, context: ToolContext) -> ToolResult:
        """Measure, compare, advise.

        Raises:
            AutoMLError: there is no model, or it cannot be run.
        """
        steps = Steps(context)
        record = with_model(args.experiment, context)
        bundle = open_bundle(record)
        with steps.step("measurement") as step:
            found = isolated.probe(bundle.onnx, bundle.metadata["inputs"])
            size, latency, memory = int(found["size_bytes"]), float(found["latency_ms"]), int(found["process_memory"])
            text = (
                f"The model file of experiment {record.id} has {format_size(size)}, one row takes {latency:.3g} ms on "
                f"one core, and a small program that runs it needs {format_size(memory)} of memory "
                f"({format_size(found['model_memory'])} of it for the model)."
            )
            step.say(text, **found)
        with steps.step("limits") as step:
            checks = _checks(args, record, size, latency, memory)
            broken = [check for check in checks if not check.met]
            step.say("; ".join(map(check_sentence, checks)) if checks else "No limits were given.")
        with steps.step("what would make it fit") as step:
            advice = [_advice(check, record, context.store, size) for check in broken]
            step.say(" ".join(advice) if advice else "Nothing is needed.")
        steps.keep(record.id)
        if not checks:
            verdict = "Give limits to check them."
        elif not broken:
            verdict = f"It fits: {'; '.join(map(check_sentence, checks))}."
        else:
            verdict = f"It does not fit: {'; '.join(map(check_sentence, checks))}."
        return ToolResult(
            summary=" ".join([text, verdict, *advice]),
            data={
                "experiment": record.id,
                "size_bytes": size,
                "latency_ms": short(latency),
                "process_memory": memory,
                "model_memory": int(found["model_memory"]),
                "fits": not broken if checks else None,
                "checks": [
                    {"name": c.name, "asked": short(c.asked), "measured": short(c.measured), "met": c.met}
                    for c in checks
                ],
            },
            experiment=record.id,
            next_step=advice[0] if advice else "",
            options=_options(broken, args),
        )


def _checks(
    args: CheckerArgs, record: ExperimentRecord, size: int, latency: float, memory: int
) -> list[ConstraintCheck]:
    """The limits given, else those of the experiment (memory was a limit of its job, not of the model)."""
    wanted: dict[str, float | None] = {
        name: getattr(args, name) for name in ("max_model_size", "max_latency_ms", "min_accuracy", "max_memory")
    }
    if all(value is None for value in wanted.values()):
        limits = record.plan.limits
        wanted = {name: getattr(limits, name) for name in ("max_model_size", "max_latency_ms", "min_accuracy")}
    accuracy = record.test.get("accuracy", record.test.get("r2"))
    measured = {"max_model_size": size, "max_latency_ms": latency, "min_accuracy": accuracy, "max_memory": memory}
    found = []
    for name, asked in wanted.items():
        if asked is None:
            continue
        value = measured[name]
        met = value is not None and (value >= asked if name == "min_accuracy" else value <= asked)
        found.append(ConstraintCheck(name=name, asked=asked, measured=value, met=met))
    return found


def _advice(check: ConstraintCheck, record: ExperimentRecord, store: Store, size: int) -> str:
    """What would make one limit hold, from what was measured in the search where that is known."""
    if check.name == "min_accuracy":
        return "For more accuracy, tune it or search longer."
    if check.name == "max_memory":
        return "Most of the memory is onnxruntime itself; a smaller model saves only its own part of it."
    fitting = [trial for trial in store.trials(record.id) if _fits(trial, check) and trial.score is not None]
    sign = 1 if record.direction == "maximize" else -1
    best = max(fitting, key=lambda trial: sign * (trial.score or 0.0), default=None)
    parts = []
    if check.name == "max_model_size":
        parts += _converted(store, record, check.asked, size)
    if best is not None:
        what = format_size(best.model_size or 0) if check.name == "max_model_size" else _latency(best)
        parts.append(
            f"Trial {best.number} of the search ({best.model_architecture}, {what}) fits, with validation "
            f"{record.metric} {number(best.score)}: train again with {check.name}={check.asked:g}."
        )
    if not parts:
        parts.append(
            f"Train again with {check.name}={check.asked:g}: what is too large is then left out of the search."
        )
    return " ".join(parts)


def _converted(store: Store, record: ExperimentRecord, asked: float, size: int) -> list[str]:
    """What converting gives: measured where it was done, else estimated where that means something."""
    folder = store.folder(record.id) / "converted"
    for path in sorted(folder.glob("*.json")):
        known = read_json(path) or {}
        after = known.get("size_bytes", {}).get("after")
        if known.get("accepted") and after is not None and after <= asked:
            return [f"Its {known['precision']} form, which is already there, has {format_size(after)} and fits."]
    if (folder / "int8.json").exists() or size < INT8_FROM or size * INT8_SHARE > asked:
        return []
    return [f"Converted to int8 it should take about {format_size(size * INT8_SHARE)}."]


def _fits(trial: TrialRecord, check: ConstraintCheck) -> bool:
    value = trial.model_size if check.name == "max_model_size" else trial.resources.inference_latency
    return value is not None and value <= check.asked


def _latency(trial: TrialRecord) -> str:
    return f"{trial.resources.inference_latency or 0.0:.3g} ms"


def _options(broken: list[ConstraintCheck], args: CheckerArgs) -> tuple[str, ...]:
    names = {check.name for check in broken}
    if "max_model_size" in names:
        return (
            "Convert it to int8",
            f"Train again under {format_size(args.max_model_size or 0)}".replace(" under 0 B", ""),
        )
    if "max_latency_ms" in names:
        return ("Train again with this limit", "Convert it to int8")
    if "min_accuracy" in names:
        return ("Tune it", "Try again with twice the time")
    return ("How good is it?", "Give me the ONNX file")
