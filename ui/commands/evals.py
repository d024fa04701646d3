"""`automl-agent evals`: scripted conversations, judged by the state they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tools.core.errors import TaskError
from ui.commands.output import JsonFlag, note, print_json, print_table

commands = typer.Typer(help="Scripted conversations, judged by what they leave behind.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(commands, name="evals")


@commands.callback()
def evals() -> None:
    """Scripted conversations, judged by what they leave behind."""


@commands.command()
def run(
    suite: Annotated[Path, typer.Argument(help="A YAML file, or a folder of them.")],
    lm: Annotated[str | None, typer.Option(help="Language model (default: AUTOML_LM, else the planner).")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the attached files lie (default: made afresh).", file_okay=False)
    ] = None,
    mode: Annotated[str, typer.Option(help="plan: canned tool results; full: small real jobs.")] = "plan",
    trials: Annotated[int, typer.Option(min=1, help="Play each conversation so often; pass^k.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Conversations side by side.")] = 1,
    min_rate: Annotated[float, typer.Option(min=0, max=1, help="Fail below this share of right turns.")] = 0.0,
    json_: JsonFlag = False,
) -> None:
    """Play a suite of conversations and report what the agent got right.

    For instance: `automl-agent evals run evals/conversations`
    """
    from evals.runner import run_suite

    if suite.is_file() and suite.suffix.lower() not in (".yaml", ".yml"):
        raise TaskError(
            f"'{suite.name}' is not a suite of conversations, which is a YAML file.",
            hint="Name such a file or a folder of them, for instance evals/conversations.",
        )
    if mode not in ("plan", "full"):
        raise typer.BadParameter("Choose plan or full.", param_hint="--mode")
    say = (lambda text: None) if json_ else note
    report = run_suite(
        suite,
        lm=lm,
        data_dir=data_dir,
        mode="full" if mode == "full" else "plan",
        trials=trials,
        jobs=jobs,
        progress=say,
    )
    if json_:
        print_json(report)
    else:
        _print(report)
    if report["turns_right_rate"] < min_rate:
        raise typer.Exit(1)


def _print(report: dict[str, Any]) -> None:
    groups = {**report["categories"], "all": report}
    print_table(
        ("category", "turns", "right", "tool", "arguments", "forbidden", "needless questions"),
        [
            (
                name,
                rates["turns"],
                _percent(rates["turns_right_rate"]),
                _percent(rates["tool_accuracy"]),
                _percent(rates["argument_accuracy"]),
                rates["forbidden_acts"],
                rates["needless_questions"],
            )
            for name, rates in groups.items()
        ],
        empty="The suite is empty.",
    )
    print(f"pass^{report['k']} {_percent(report['pass_k'])}, 95 % of turns within {report['p95_ms']:.0f} ms")
    for miss in report["misses"]:
        print(f"\n{miss['id']} turn {miss['turn']}: {miss['user']}\n  " + "\n  ".join(miss["why"]))


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.1f} %"
