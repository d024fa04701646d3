"""ModelConverter: a smaller or faster form of a model, with what it costs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tools._models import with_model
from tools._steps import Steps
from tools._training import short
from tools.contract import TOOLS, Artifact, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.units import format_size
from tools.jobs import isolated
from tools.tracking.files import dump, write_atomically
from tools.tracking.wording import metric_title, number


class ConverterArgs(ToolArgs):
    """Which model, and into what."""

    experiment: int | None = Field(
        default=None, description="experiment; omitted: the conversation's current one, else the newest with a model"
    )
    format: Literal["onnx"] = Field(default="onnx", description="file format")
    precision: Literal["fp32", "fp16", "int8", "auto"] = Field(
        default="auto",
        description="number format of the weights; auto: the smallest that loses no quality and no speed",
    )
    max_accuracy_drop: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="largest loss in the experiment's metric that is accepted (0.01 = one point)",
    )


@TOOLS.register
class ModelConverter(Tool[ConverterArgs]):
    """Convert a trained model to another precision (int8, fp16) or export it as an ONNX bundle.

    Use it when the user wants to export, convert, quantise, compress or deploy a model. The converted model is run on
    the test rows: it is delivered only when it loses no more than max_accuracy_drop; its size and speed are measured
    before and after. The original stays.
    """

    name = "ModelConverter"
    Args = ConverterArgs
    examples = (
        "Convert it to int8",
        "Export experiment 2 to ONNX",
        "Quantise the model, but lose no more than half a point",
        "Make the file smaller without retraining",
        "Give me an fp16 version",
        "Give me the ONNX file",
    )

    def run(self, args: ConverterArgs, context: ToolContext) -> ToolResult:
        """Convert in a process of its own, keep, tell.

        Raises:
            AutoMLError: there is no model, or the conversion cannot be done.
        """
        steps = Steps(context)
        with steps.step("source model") as step:
            record = with_model(args.experiment, context)
            step.say(f"The model of experiment {record.id} is converted to {args.precision}.", experiment=record.id)
        out = context.store.folder(record.id) / "converted" / args.precision
        out.parent.mkdir(exist_ok=True)
        with steps.step("conversion and checks") as step:
            found = isolated.convert(record, args.format, args.precision, args.max_accuracy_drop, out)
            tried = ", ".join(dict.fromkeys(str(candidate["precision"]) for candidate in found["candidates"]))
            step.say(f"Tried and measured on {found['where']}: {tried}.", candidates=found["candidates"])
        with steps.step("verdict") as step:
            text = _verdict(found, record.id, args.max_accuracy_drop)
            step.say(text)
        steps.keep(record.id)
        write_atomically(out.parent / f"{args.precision}.json", dump(found))
        size, latency, value = found["size_bytes"], found["latency_ms"], found["value"]
        return ToolResult(
            summary=text,
            data={
                "experiment": record.id,
                "precision": found["precision"],
                "accepted": found["accepted"],
                "size_bytes": size,
                "latency_ms": {name: short(number_) for name, number_ in latency.items()},
                "metric": found["metric"],
                "value": {name: short(number_) for name, number_ in value.items()},
                "drop": short(found["drop"]),
                "reasons": [str(reason)[:160] for reason in found["reasons"][:2]],
                "path": found["path"],
            },
            experiment=record.id,
            artifacts=(
                (Artifact(kind="file", ref=str(found["path"]), title=f"Model, {found['precision']}"),)
                if found["path"]
                else ()
            ),
            next_step=_next(found, args.max_accuracy_drop),
            options=("Does it fit into 50 kB?", "How good is it?") if found["accepted"] else ("Convert it to fp16",),
        )


def _verdict(found: dict[str, Any], experiment: int, allowed: float) -> str:
    size, latency, value = found["size_bytes"], found["latency_ms"], found["value"]
    measured = (
        f"{format_size(size['before'])} to {_size(size['after'])}, "
        f"{number(latency['before'])} to {number(latency['after'])} ms per row, "
        f"test {metric_title(found['metric'])} {number(value['before'])} to {number(value['after'])}"
    )
    if found["accepted"] and found["precision"] == "fp32":
        return f"The model of experiment {experiment} stays as it is (fp32, {format_size(size['before'])}): " + (
            "; ".join(str(reason).rstrip(".") for reason in found["reasons"]) + "."
        )
    if found["accepted"]:
        return f"The model of experiment {experiment} is converted to {found['precision']}: {measured}."
    why = "; ".join(str(reason).rstrip(".") for reason in found["reasons"]) or f"more than {allowed:g} would be lost"
    return f"The {found['precision']} form of experiment {experiment} is not delivered: {why}. Measured: {measured}."


def _next(found: dict[str, Any], allowed: float) -> str:
    if found["accepted"]:
        return "Use it like the original."
    costly = found["drop"] is not None and found["drop"] > allowed
    return "Keep the original, or allow a larger drop." if costly else "Keep the original."


def _size(value: float | None) -> str:
    return "-" if value is None else format_size(value)
