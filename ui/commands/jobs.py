"""`automl-agent jobs`: the running work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ui.commands.bar import ProgressBar
from ui.commands.interrupt import on_ctrl_c
from ui.commands.output import JsonFlag, print_json, print_table
from ui.commands.workspace import job_id, open_context

if TYPE_CHECKING:
    from tools.core.records import JobRecord

commands = typer.Typer(help="Running and past work.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="jobs")


@commands.command("list")
def list_(context: typer.Context, json_: JsonFlag = False) -> None:
    """List the jobs."""
    _print(open_context(context).jobs.list(), json_)


@commands.command()
def status(context: typer.Context, job: str, json_: JsonFlag = False) -> None:
    """Show one job."""
    record = open_context(context).jobs.get(job_id(job))
    if json_:
        print_json(record)
    else:
        _print([record], False)


@commands.command()
def cancel(context: typer.Context, job: str, json_: JsonFlag = False) -> None:
    """Cancel a running job; what is finished is kept."""
    record = open_context(context).jobs.cancel(job_id(job))
    if json_:
        print_json(record)
    else:
        print(f"Job {record.id}: {record.status}.")


@commands.command()
def resume(
    context: typer.Context,
    job: str,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it ends.")] = False,
    json_: JsonFlag = False,
) -> None:
    """Resume an interrupted or cancelled job; finished trials are not done again."""
    import threading

    workspace = open_context(context)
    record = workspace.jobs.resume(job_id(job))
    if wait:
        left = threading.Event()
        with ProgressBar(quiet=json_) as bar, on_ctrl_c(left.set, "The job goes on in the background."):
            for event in workspace.jobs.follow(record.id, until=left.is_set):
                bar(event)
        record = workspace.jobs.get(record.id)
    if json_:
        print_json(record)
    else:
        print(f"Job {record.id}: {record.status}.")


def _print(records: list[JobRecord], json_: bool) -> None:
    if json_:
        print_json(records)
        return
    from ui.progress import describe

    print_table(
        ("job", "dataset", "kind", "status", "progress", "started"),
        [
            (
                record.id,
                record.dataset,
                record.kind.replace("_", " "),
                record.status,
                describe(record.metrics) if record.metrics and record.status == "running" else "",
                record.created_at[:16].replace("T", " "),
            )
            for record in records
        ],
        empty="There is no job yet. Start one: automl-agent run --dataset iris --time 30",
    )
