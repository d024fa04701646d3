"""`automl-agent predict`: use a model on new data; needs no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tools.core.errors import ExperimentError, TaskError
from ui.commands.output import JsonFlag, note, print_json
from ui.commands.workspace import experiment_id, open_context

if TYPE_CHECKING:
    import pandas as pd


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("predict")(predict)


def predict(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="BUNDLE_OR_EXPERIMENT", help="A bundle folder, or an experiment's number.")
    ],
    data: Annotated[str | None, typer.Argument(help="A file or folder like the training data.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write (default: to stdout).", dir_okay=False)
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="For a text generator: how the text begins.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1)] = 200,
    json_: JsonFlag = False,
) -> None:
    """Predict: writes `prediction` and, for classes, `probability_<class>`."""
    from tools.engine.export.bundle import Bundle

    bundle = Bundle.open(bundle_folder(context, model))
    if prompt is not None:
        text = bundle.generate(prompt, max_new_tokens)
        print_json({"prompt": prompt, "text": text}) if json_ else print(text)
        return
    if data is None:
        raise TaskError(
            "There is nothing to predict.", hint="Name a data file, or give a --prompt to a text generator."
        )
    frame = bundle.predict_source(str(Path(data).expanduser()) if Path(data).expanduser().exists() else data)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(out, index=False)
        if json_:
            print_json({"rows": len(frame), "columns": list(map(str, frame.columns)), "out": str(out.resolve())})
        else:
            note(f"{len(frame)} predictions written to {out}.")
    elif json_:
        print_json({"rows": len(frame), "predictions": _records(frame)})
    else:
        frame.to_csv(sys.stdout, index=False)


def bundle_folder(context: typer.Context, model: str) -> Path:
    """Find the bundle: a folder, its `model.onnx`, or that of an experiment.

    Raises:
        ExperimentError: it is neither, or the experiment has no bundle.
    """
    path = Path(model).expanduser()
    if path.is_file() and path.name.endswith(".onnx"):
        return path.parent
    if path.exists():
        return path
    if not model.strip().removeprefix("#").isdigit():
        raise ExperimentError(
            f"'{model}' is neither a bundle folder nor an experiment.",
            hint="Give the folder with model.onnx, or a number from: automl-agent experiments list",
        )
    from tools._models import with_model

    return Path(str(with_model(experiment_id(model), open_context(context)).bundle))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict(orient="records")]
