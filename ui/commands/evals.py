"""`automl-agent evals`: scripted conversations, judged by the state they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tools.core.errors import TaskError
from ui.commands.output import JsonFlag, note, print_json, print_table
from ui.commands.workspace import home_of

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
    sample: Annotated[
        int | None, typer.Option(min=1, help="Play so many conversations, spread over the categories (default: all).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which ones --sample draws.")] = 0,
    min_: Annotated[
        float, typer.Option("--min", "--min-rate", min=0, max=1, help="Fail below this share of right turns.")
    ] = 0.0,
    json_: JsonFlag = False,
) -> None:
    """Play a suite of conversations and report what the agent got right.

    A folder's own files are played, not those of folders inside it: `evals/conversations/heldout` is a suite apart.

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
        count=sample,
        seed=seed,
        progress=say,
    )
    if json_:
        print_json(report)
    else:
        _print(report)
    if report["turns_right_rate"] < min_:
        raise typer.Exit(1)


@commands.command("from-session")
def from_session(
    context: typer.Context,
    session: Annotated[str, typer.Argument(help="The conversation's id.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write (default: stdout).", dir_okay=False)
    ] = None,
) -> None:
    """Write a stored conversation down as a new one of a suite; what was done becomes what is expected, to be edited.

    For instance: `automl-agent evals from-session 3f2a91c04b7d -o mine.yaml`
    """
    from evals.from_session import export_session
    from tools.tracking.home import home_folder

    home = home_folder(home_of(context))
    text = export_session(home, session)
    if output is None:
        print(text, end="")
        return
    if output.exists():
        raise TaskError(f"'{output}' is there already.", hint="Name another file, or remove this one.")
    output.write_text(text, encoding="utf-8")
    note(f"Written to '{output}'. Play it: automl-agent evals run {output} --data-dir {home / 'uploads' / session}")


_COLUMNS = {
    "turns": "turns", "right": "turns_right_rate", "tool": "tool_accuracy", "arguments": "argument_accuracy",
    "pass^k": "pass_k", "forbidden": "forbidden_acts", "needless": "needless_questions",
    "not understood": "not_understood", "LM calls": "lm_calls", "tokens": "tokens", "s": "seconds",
}  # fmt: skip


def _print(report: dict[str, Any]) -> None:
    groups = {**report["categories"], "all": report}
    print_table(
        ("category", *_COLUMNS),
        [(name, *(_shown(key, figures[key]) for key in _COLUMNS.values())) for name, figures in groups.items()],
        empty="The suite is empty.",
    )
    for miss in report["misses"]:
        print(f"\n{miss['id']} turn {miss['turn']}: {miss['user']}\n  " + "\n  ".join(miss["why"]))
        print(f"  expected: {miss['expected']}\n  got: {miss['got']}")
    print(
        f"\n{report['turns_right']} of {report['turns']} turns right ({_percent(report['turns_right_rate'])}), "
        f"pass^{report['k']} {_percent(report['pass_k'])}, 95 % of turns within {report['p95_ms']:.0f} ms "
        "without tools, "
        f"{report['infrastructure_errors']} infrastructure errors, {report['skipped']} conversations left out"
    )


def _shown(key: str, value: Any) -> Any:
    return _percent(value) if key.endswith(("_rate", "_accuracy", "pass_k")) else value


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.1f} %"
