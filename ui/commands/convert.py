"""`automl-agent convert`: a bundle in another format or precision."""

from __future__ import annotations

from typing import Annotated

import typer

from ui.commands.output import JsonFlag, print_json, print_markdown
from ui.commands.workspace import call_tool, experiment_id, open_context


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("convert")(convert)


def convert(
    context: typer.Context,
    experiment: Annotated[str | None, typer.Argument(help="Default: the newest.", show_default=False)] = None,
    format_: Annotated[str | None, typer.Option("--format", help="onnx.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, fp16, int8 or auto.")] = None,
    max_accuracy_drop: Annotated[
        float | None, typer.Option(help="Keep the smaller model only if it loses no more than this, for instance 0.01.")
    ] = None,
    json_: JsonFlag = False,
) -> None:
    """Make a bundle smaller or faster; what it costs in quality is measured."""
    arguments = {
        "experiment": None if experiment is None else experiment_id(experiment),
        "format": format_,
        "precision": precision,
        "max_accuracy_drop": max_accuracy_drop,
    }
    result = call_tool("ModelConverter", arguments, open_context(context))
    if json_:
        print_json({"experiment": result.experiment, "summary": result.summary, **result.data})
    else:
        print_markdown(result.summary)
