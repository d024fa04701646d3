"""`automl-agent run`: the whole workflow by flags, without any language model."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from ui.commands.bar import ProgressBar
from ui.commands.interrupt import on_ctrl_c
from ui.commands.output import JsonFlag, note, print_json, print_markdown
from ui.commands.workspace import call_tool, experiment_id, open_context

_DATA, _SEARCH, _LIMITS, _GOAL = "What", "How to search", "Limits", "What counts"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    context: typer.Context,
    data: Annotated[str | None, typer.Argument(help="The same as --dataset.")] = None,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", "-d", help="A file, a folder, or a sample such as iris.", rich_help_panel=_DATA),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="The column to predict, or several by commas (default: found).", rich_help_panel=_DATA),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="classification, regression or generation (default: found).", rich_help_panel=_DATA),
    ] = None,
    request: Annotated[
        str | None, typer.Option(help="What the model is for, in words (kept in the history).", rich_help_panel=_DATA)
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(
            "--time", "-t", help="Wall-clock limit: 90, 90s, 2min, 1h30min (default: 60 s).", rich_help_panel=_LIMITS
        ),
    ] = None,
    max_model_size: Annotated[str | None, typer.Option(help="For instance 200kB.", rich_help_panel=_LIMITS)] = None,
    max_latency_ms: Annotated[float | None, typer.Option(help="For one row, ms.", rich_help_panel=_LIMITS)] = None,
    min_accuracy: Annotated[float | None, typer.Option(help="0 to 1.", rich_help_panel=_LIMITS)] = None,
    max_memory: Annotated[str | None, typer.Option(help="For instance 4GB.", rich_help_panel=_LIMITS)] = None,
    max_gpu_memory: Annotated[str | None, typer.Option(help="For instance 8GB.", rich_help_panel=_LIMITS)] = None,
    max_disk: Annotated[str | None, typer.Option(help="For instance 10GB.", rich_help_panel=_LIMITS)] = None,
    metric: Annotated[
        str | None, typer.Option(help="accuracy, roc_auc, r2, rmse, … (default: by task).", rich_help_panel=_GOAL)
    ] = None,
    primary: Annotated[str | None, typer.Option(help="accuracy, latency or size.", rich_help_panel=_GOAL)] = None,
    secondary: Annotated[str | None, typer.Option(help="accuracy, latency or size.", rich_help_panel=_GOAL)] = None,
    weights: Annotated[
        str | None, typer.Option(help="Of primary and secondary, for instance 0.7,0.3.", rich_help_panel=_GOAL)
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="holdout or cross_validation.", rich_help_panel=_SEARCH)
    ] = None,
    folds: Annotated[int | None, typer.Option(help="For cross_validation.", rich_help_panel=_SEARCH)] = None,
    group_column: Annotated[
        str | None,
        typer.Option(help="Rows with the same value stay in one part of the split.", rich_help_panel=_SEARCH),
    ] = None,
    time_column: Annotated[
        str | None, typer.Option(help="The latest rows by this column are the test.", rich_help_panel=_SEARCH)
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(help="Columns the model must not use, by commas or repeated.", rich_help_panel=_GOAL),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="bayesian, random, grid, evolutionary or multi_objective.", rich_help_panel=_SEARCH),
    ] = None,
    max_trials: Annotated[int | None, typer.Option(help="At most so many trials.", rich_help_panel=_SEARCH)] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many trials without improvement.", rich_help_panel=_SEARCH)
    ] = None,
    families: Annotated[
        list[str] | None, typer.Option(help="Only these, for instance mlp,linear.", rich_help_panel=_SEARCH)
    ] = None,
    ensemble: Annotated[
        bool | None,
        typer.Option("--ensemble/--single", help="Deliver the average of several models.", rich_help_panel=_SEARCH),
    ] = None,
    transfer: Annotated[
        bool | None,
        typer.Option("--transfer/--no-transfer", help="Try first what worked before.", rich_help_panel=_SEARCH),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For every random choice.", rich_help_panel=_SEARCH)] = None,
    reproduce: Annotated[
        str | None, typer.Option(help="Run this experiment again; other flags override.", rich_help_panel=_SEARCH)
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Ctrl-C leaves the job running instead of cancelling it.")
    ] = False,
    json_: JsonFlag = False,
) -> None:
    """Search, train, check and export a model; no language model needed.

    For instance: `automl-agent run --dataset iris --time 30 --max-model-size 200kB`

    Exit codes: 0 a model was delivered, also when it misses a limit (the result says which); 1 there is none;
    2 wrong usage; 130 stopped with Ctrl-C.
    """
    from ui.summary import run_summary

    if data is not None and dataset not in (None, data):
        raise typer.BadParameter(f"Both '{data}' and '{dataset}' are named: choose one.", param_hint="--dataset")
    dataset = dataset or data
    if dataset is None and reproduce is None:
        raise typer.BadParameter("Name a file, a folder, or a sample such as iris.", param_hint="--dataset")
    arguments: dict[str, Any] = {
        "dataset": dataset,
        "target": target,
        "task": task,
        "request": request,
        "time_s": as_seconds(time),
        "max_model_size": as_bytes(max_model_size, "--max-model-size"),
        "max_latency_ms": max_latency_ms,
        "min_accuracy": min_accuracy,
        "max_memory": as_bytes(max_memory, "--max-memory"),
        "max_gpu_memory": as_bytes(max_gpu_memory, "--max-gpu-memory"),
        "max_disk": as_bytes(max_disk, "--max-disk"),
        "metric": metric,
        "primary": primary,
        "secondary": secondary,
        "weights": as_weights(weights),
        "validation": validation,
        "folds": folds,
        "group_column": group_column,
        "time_column": time_column,
        "strategy": strategy,
        "max_trials": max_trials,
        "patience": patience,
        "families": _listed(families),
        "ignore_columns": _listed(ignore) or None,
        "ensemble": ensemble,
        "transfer": transfer,
        "seed": seed,
        "reproduce": None if reproduce is None else experiment_id(reproduce),
    }
    with ProgressBar(quiet=json_) as bar:
        workspace = open_context(context, emit=bar, files=(dataset or "",))
        if detach:
            action, says = workspace.detached.set, "The job goes on in the background."
        else:
            action, says = workspace.stopped.set, "Cancelling the job; what is finished is kept. Ctrl-C again to leave."
        with on_ctrl_c(action, says):
            result = call_tool("AutoMLWorkflow", arguments, workspace)
    if result.experiment is None:
        note(result.summary)
        raise typer.Exit(1)
    record = workspace.store.get(result.experiment)
    if json_:
        print_json(run_summary(record))
    else:
        show(record)
    if record.status == "running":
        note(f"See how far it is: automl-agent jobs status {record.id}")
    elif record.status != "completed":
        note(f"Go on with it: automl-agent jobs resume {record.id} --wait")
        raise typer.Exit(130 if workspace.stopped.is_set() else 1)


def _listed(items: list[str] | None) -> list[str]:
    """Names given by commas, by repeating an option, or both."""
    return [name.strip() for item in items or [] for name in item.split(",") if name.strip()]


def show(record: Any) -> None:
    """Print an experiment for people: the headline, the tables, where the files are."""
    from ui.summary import headline, model_line, results_table

    parts = [headline(record), results_table(record), model_line(record)]
    if record.bundle:
        parts.append(f"Bundle: `{record.bundle}`")
    parts += [f"Note: {warning}" for warning in record.warnings]
    print_markdown("\n\n".join(part for part in parts if part))


def as_seconds(text: str | None) -> float | None:
    """Read `--time`.

    Raises:
        typer.BadParameter: it is no duration.
    """
    from tools.core.units import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--time") from None


def as_bytes(text: str | None, flag: str) -> int | None:
    """Read a size.

    Raises:
        typer.BadParameter: it is no size.
    """
    from tools.core.units import parse_size

    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=flag) from None


def as_weights(text: str | None) -> tuple[float, float] | None:
    """Read two weights.

    Raises:
        typer.BadParameter: these are not two weights.
    """
    if text is None:
        return None
    try:
        first, second = (float(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise typer.BadParameter("Write two numbers, for instance 0.7,0.3.", param_hint="--weights") from None
    if not (min(first, second) >= 0 and 0 < first + second < math.inf):
        raise typer.BadParameter(
            "Write two numbers that are not negative and not both zero, for instance 0.7,0.3.", param_hint="--weights"
        )
    return first, second
