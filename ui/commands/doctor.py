"""`automl-agent doctor`: what this installation can do, and what to do about the rest."""

from __future__ import annotations

import typer

from ui.commands.output import JsonFlag, print_json
from ui.commands.workspace import home_of


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(context: typer.Context, json_: JsonFlag = False) -> None:
    """Look at Python, device, memory, history, language model and packages."""
    from ui.checkup import checkup

    findings = checkup(home_of(context))
    if json_:
        print_json({"ok": all(f.status != "problem" for f in findings), "checks": [f._asdict() for f in findings]})
    else:
        from rich.console import Console

        console = Console(width=None, highlight=False)
        marks = {"ok": "[green]✓[/]", "limited": "[yellow]•[/]", "problem": "[red]✗[/]"}
        from rich.markup import escape

        for finding in findings:
            console.print(f"{marks[finding.status]} [bold]{finding.name}[/]  {escape(finding.found)}")
            if finding.advice:
                console.print(f"    → {escape(finding.advice)}", style="dim")
    if any(finding.status == "problem" for finding in findings):
        raise typer.Exit(1)
