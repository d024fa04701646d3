"""`automl-agent experiments`: the history."""

from __future__ import annotations

import sys
from typing import Annotated, Any, get_args

import typer

from tools.core.errors import ExperimentError, TaskError
from tools.core.records import Status
from ui.commands.output import JsonFlag, as_json, note, print_json, print_markdown, print_table
from ui.commands.workspace import call_tool, experiment_id, open_context

commands = typer.Typer(help="The history of experiments.", no_args_is_help=True)

Dataset = Annotated[str | None, typer.Option(help="Only this dataset.")]
Metric = Annotated[str | None, typer.Option(help="Judge by this metric (default: each experiment's own).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="experiments")


@commands.command("list")
def list_(
    context: typer.Context,
    dataset: Dataset = None,
    status: Annotated[str | None, typer.Option(help="running, completed, failed, interrupted, cancelled.")] = None,
    json_: JsonFlag = False,
) -> None:
    """List the experiments, oldest first."""
    from ui.progress import format_number
    from ui.summary import list_summary, score

    if status is not None and status not in get_args(Status):
        raise typer.BadParameter(f"Choose one of: {', '.join(get_args(Status))}.", param_hint="--status")
    store = open_context(context).store
    records = store.find(dataset=dataset, status=status)
    if json_:
        print_json([list_summary(record) for record in records])
        return
    print_table(
        ("id", "dataset", "task", "status", "metric", "test", "model", "created"),
        [
            (
                record.id,
                record.dataset,
                record.task,
                record.status,
                record.metric,
                format_number(score(record)),
                record.best.model_architecture if record.best else "",
                record.created_at[:16].replace("T", " "),
            )
            for record in records
        ],
        empty="No experiment fits. See all of them: automl-agent experiments list"
        if store.list()
        else "There is no experiment yet. Start one: automl-agent run --dataset iris --time 30",
    )


@commands.command()
def show(context: typer.Context, experiment: str, json_: JsonFlag = False) -> None:
    """Show one experiment: the whole record with --json, else its report."""
    store = open_context(context).store
    record = store.get(experiment_id(experiment))
    if json_:
        print_json({"experiment": record.id, **as_json(record)})
        return
    from tools.tracking.report import report

    print_markdown(report(store, record.id))


@commands.command()
def best(context: typer.Context, dataset: Dataset = None, metric: Metric = None, json_: JsonFlag = False) -> None:
    """Show the best finished experiment."""
    workspace = open_context(context)
    result = call_tool("ExperimentTracker", {"action": "best", "dataset": dataset, "metric": metric}, workspace)
    if result.experiment is None:
        raise ExperimentError(result.summary, hint="Train a model first: automl-agent run --dataset iris --time 30")
    record = workspace.store.get(result.experiment)
    if result.next_step:
        note(result.next_step)
    if json_:
        print_json({"experiment": record.id, **as_json(record)})
        return
    from ui.commands.run import show as show_record

    show_record(record)


@commands.command()
def compare(context: typer.Context, experiments: list[str], metric: Metric = None, json_: JsonFlag = False) -> None:
    """Compare two or more experiments."""
    from ui.summary import list_summary

    ids = [experiment_id(text) for text in experiments]
    workspace = open_context(context)
    result = call_tool("ExperimentTracker", {"action": "compare", "experiments": ids, "metric": metric}, workspace)
    if json_:
        records = [list_summary(workspace.store.get(number)) for number in ids]
        print_json({"experiments": records, "summary": result.summary, "comparison": result.data})
        return
    print_markdown(result.summary)
    _print_rows(result.data)


@commands.command()
def delete(
    context: typer.Context,
    experiments: list[str],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json_: JsonFlag = False,
) -> None:
    """Delete experiments with their models; asks first."""
    store = open_context(context).store
    ids = [store.get(experiment_id(text)).id for text in experiments]
    if not yes:
        if json_ or not sys.stdin.isatty():
            raise TaskError("Deleting needs a yes, and nobody is there to ask.", hint="Add --yes.")
        if not typer.confirm(f"Delete {', '.join(f'experiment {number}' for number in ids)} for good?"):
            print("Nothing was deleted.")
            return
    for number in ids:
        store.delete(number)
    if json_:
        print_json({"deleted": ids})
    else:
        print(f"Deleted: {', '.join(str(number) for number in ids)}.")


def _print_rows(data: dict[str, Any]) -> None:
    """Print the first list of rows a tool returned as a table."""
    for value in data.values():
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            columns = list(dict.fromkeys(key for row in value for key in row))
            print_table(columns, [[row.get(column) for column in columns] for row in value], empty="")
            return
