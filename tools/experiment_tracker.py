"""ExperimentTracker: the history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from tools._history_words import (
    PLOT_WORDS,
    comparison,
    count_words,
    drawn_plot,
    experiment_brief,
    experiment_line,
    plot_axes,
    plot_reading,
    plot_title,
)
from tools._planning import check_metric
from tools._steps import Steps
from tools._training import outcome
from tools.contract import TOOLS, Artifact, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.errors import ExperimentError, TaskError
from tools.core.records import ExperimentRecord, Status
from tools.tracking.comparable import other_data
from tools.tracking.export import export_history
from tools.tracking.plots import available
from tools.tracking.queries import best, compare
from tools.tracking.report import write_report
from tools.tracking.wording import limits_sentence, metric_title, model_sentence, result_sentence

Action = Literal["list", "show", "best", "compare", "plot", "tag", "note", "export", "delete"]
MOST_LISTED = 8


class TrackerArgs(ToolArgs):
    """What to do, with which experiments."""

    action: Action = Field(
        default="list",
        description="list; show one (with its report); best; compare two or more; plot; tag; note; export (CSV, JSON); "
        "delete",
    )
    experiments: list[int] | None = Field(
        default=None, description="experiment numbers; omitted: the current one (show, plot, tag, note) or all that fit"
    )
    dataset: str | None = Field(default=None, description="only experiments on this dataset")
    status: Status | None = Field(default=None, description="only experiments with this status")
    metric: str | None = Field(default=None, description="metric that counts, for instance accuracy or r2")
    min_value: float | None = Field(default=None, description="only experiments at least this good in the metric")
    since: str | None = Field(
        default=None, description="only since: a date (2026-11-23), today, yesterday, or an age (7d)"
    )
    plot: str | None = Field(
        default=None,
        description="for plot: learning_curve (default), history, pareto, importance, confusion, curves, calibration, "
        "compare",
    )
    text: str | None = Field(default=None, description="for tag: the tags, separated by commas; for note: the note")


@TOOLS.register
class ExperimentTracker(Tool[TrackerArgs]):
    """Look into the history of all experiments: list, show, find the best, compare, plot, tag, note, export, delete.

    Use it for any question about earlier runs ("my experiments", "which was best", "why did 12 beat 9", "show the
    learning curve"). Filters: dataset, status, metric with min_value, since. Deleting needs the user's yes. Steps:
    metrics collection, logging, visualisation.
    """

    name = "ExperimentTracker"
    Args = TrackerArgs
    examples = (
        "Show my experiments",
        "Which one was best?",
        "Compare 1 and 3",
        "Why did run 12 beat run 9?",
        "Show the learning curve",
        "List the failed runs since yesterday",
        "Tag experiment 4 as candidate",
        "Export the history",
        "Delete experiment 2",
    )

    def confirm(self, args: TrackerArgs, context: ToolContext) -> str | None:
        """Deleting is asked about first."""
        if args.action != "delete":
            return None
        records = self._named(args, context)
        names = ", ".join(f"{record.id} ({record.dataset})" for record in records)
        many = len(records) > 1
        return (
            f"Shall I delete experiment{'s' if many else ''} {names} with {'their' if many else 'its'} "
            f"model{'s' if many else ''} and files? This cannot be undone."
        )

    def run(self, args: TrackerArgs, context: ToolContext) -> ToolResult:
        """Do it.

        Raises:
            AutoMLError: an experiment is not there, or nothing fits the filters.
        """
        actions: dict[str, Callable[[TrackerArgs, ToolContext, Steps], ToolResult]] = {
            "list": self._list, "show": self._show, "best": self._best, "compare": self._compare, "plot": self._plot,
            "tag": self._write, "note": self._write, "export": self._export, "delete": self._delete,
        }  # fmt: skip
        check_metric(args.metric)
        return actions[args.action](args, context, Steps(context))

    def _found(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> list[ExperimentRecord]:
        """The experiments that fit the numbers and filters given."""
        with steps.step("metrics collection") as step:
            found = context.store.find(
                dataset=args.dataset, status=args.status, metric=args.metric, min_value=args.min_value, since=args.since
            )
            if args.experiments:
                for wanted in args.experiments:
                    context.store.get(wanted)  # a number that is not there is an error, not an empty answer
                found = [record for record in found if record.id in args.experiments]
            if not found:
                if not context.store.list():
                    raise ExperimentError(
                        "There is no experiment yet.",
                        hint="Train a model first, for instance: train a classifier on iris.",
                    )
                raise ExperimentError(
                    "No experiment fits these filters.", hint="List all experiments, or loosen a filter."
                )
            step.say(f"{count_words(len(found))} found.", experiments=[record.id for record in found[-50:]])
        return found

    def _named(self, args: TrackerArgs, context: ToolContext) -> list[ExperimentRecord]:
        """The experiments named, else the current one; deleting wants a name."""
        if args.experiments:
            return [context.store.get(wanted) for wanted in dict.fromkeys(args.experiments)]
        if args.action == "delete":
            raise TaskError(
                "Which experiment shall be deleted?", hint="Name its number, for instance: delete experiment 2."
            )
        return [context.resolve_experiment(None)]

    def _list(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        found = self._found(args, context, steps)
        shown = found[-MOST_LISTED:][::-1]
        lines = [experiment_line(record, args.metric) for record in shown]
        more = f" The latest {len(shown)}:" if len(found) > len(shown) else ""
        return ToolResult(
            summary=f"{count_words(len(found))}.{more} " + " ".join(lines),
            data={"total": len(found), "experiments": [experiment_brief(record, args.metric) for record in shown]},
            experiment=found[0].id if len(found) == 1 else None,  # "bin it" then means this one
            options=("Which one was best?", f"Show experiment {shown[0].id}"),
        )

    def _show(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        record = self._named(args, context)[0]
        with steps.step("metrics collection") as step:
            data = outcome(record)
            step.say(f"Experiment {record.id} with {record.trials} trials.", experiment=record.id)
        with steps.step("logging") as step:
            path = write_report(context.store, record.id)
            step.say("The report was written from the history.", file=path.name)
        with steps.step("visualisation") as step:
            names = available(context.store, record)
            step.say(f"Plots: {', '.join(names)}." if names else "There is nothing to draw yet.")
        when = record.created_at[:16].replace("T", " ")
        about = f"Experiment {record.id} on {record.dataset}: {record.status}, {when} UTC."
        wrong = f"{record.error.message} {record.error.hint}" if record.error else ""
        extra = f"Notes: {' '.join(record.notes)}" if record.notes else ""
        parts = [about, result_sentence(record), model_sentence(record), limits_sentence(record), wrong, extra]
        plots = [Artifact(kind="plot", ref=f"plot:{record.id}:{name}", title=plot_title(name)) for name in names[:2]]
        return ToolResult(
            summary=" ".join(part for part in parts if part),
            data=data,
            experiment=record.id,
            artifacts=(Artifact(kind="file", ref=str(path), title=f"Report of experiment {record.id}"), *plots),
            options=("How good is it?", "Show the learning curve", "Tune it"),
        )

    def _best(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        found = self._found(args, context, steps)
        record = best(found, args.dataset, args.metric)
        if record is None:
            what = f" with the metric {args.metric}" if args.metric else ""
            hint = "Ask for another metric, or train a model." if args.metric else "Train a model first."
            raise ExperimentError(f"There is no completed experiment{what} to choose from.", hint=hint)
        metric = args.metric or record.metric or ""
        others = [r for r in found if r.id != record.id and metric in r.test and r.status == "completed"]
        head = (
            f"The best of {len(others) + 1} completed experiments by {metric_title(metric)} is experiment {record.id} "
            f"on {record.dataset}."
        )
        return ToolResult(
            summary=f"{head} {result_sentence(record)} {model_sentence(record)}",
            next_step=other_data(record, found),
            data=outcome(record),
            experiment=record.id,
            options=("Show its report", "How good is it?", "Convert it to int8"),
        )

    def _compare(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        numbers = args.experiments or []
        if len(numbers) == 1 and context.current_experiment not in (None, numbers[0]):
            numbers = [*numbers, int(context.current_experiment or 0)]
        chosen = args.model_copy(update={"experiments": numbers or None})
        found = self._found(chosen, context, steps)
        records = [r for wanted in numbers for r in found if r.id == wanted] or found[-4:]
        with steps.step("logging") as step:
            result = compare(records)
            n = len(result["differences"])
            step.say(f"{n} setting{' differs' if n == 1 else 's differ'}.", differences=result["differences"])
        with steps.step("visualisation") as step:
            step.say("The results side by side.")
        ids = ",".join(str(record.id) for record in records[1:])
        summary, data = comparison(records, args.metric, result["differences"])
        return ToolResult(
            summary=summary,
            data=data,
            artifacts=(Artifact(kind="plot", ref=f"plot:{records[0].id}:compare:{ids}", title="Comparison"),),
            options=tuple(f"Show experiment {record.id}" for record in records[:2]),
        )

    def _plot(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        record = self._named(args, context)[0]
        name = args.plot or "learning_curve"
        if name == "compare" and args.experiments and len(args.experiments) > 1:
            name = f"compare:{','.join(map(str, args.experiments[1:]))}"
        with steps.step("metrics collection") as step:
            drawn = drawn_plot(record, name, context)
            step.say(f"The numbers of the plot '{plot_title(name)}' were read.")
        with steps.step("visualisation") as step:
            step.say(f"{drawn['title']}: {plot_axes(drawn)}.")
        return ToolResult(
            summary=f"{drawn['title']}: {plot_axes(drawn)}. {plot_reading(drawn)}".strip(),
            data={"experiment": record.id, "plot": name, "kind": drawn["kind"], "title": drawn["title"]},
            experiment=record.id,
            artifacts=(Artifact(kind="plot", ref=f"plot:{record.id}:{name}", title=str(drawn["title"])),),
            options=tuple(
                f"Plot the {PLOT_WORDS.get(other, other.replace('_', ' '))}"
                for other in available(context.store, record)
                if other != name
            )[:3],
        )

    def _write(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        text = (args.text or "").strip()
        if not text:
            raise TaskError(f"The {args.action} has no text.", hint=f"Say what the {args.action} is.")
        records = self._named(args, context)
        with steps.step("logging") as step:
            for record in records:
                if args.action == "tag":
                    context.store.tag(record.id, [part.strip() for part in text.split(",") if part.strip()])
                else:
                    context.store.note(record.id, text)
            step.say(f"The {args.action} was written.", experiments=[record.id for record in records])
        names = ", ".join(str(record.id) for record in records)
        tagged = f"Experiment {names} is tagged '{text}'."
        return ToolResult(
            summary=tagged if args.action == "tag" else f"Noted for experiment {names}: {text.rstrip('.')}.",
            data={"experiments": [record.id for record in records], args.action: text[:300]},
            experiment=records[-1].id,
        )

    def _export(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        found = self._found(args, context, steps)
        with steps.step("logging") as step:
            table, whole = export_history(found, context.home / "exports")
            step.say(f"{count_words(len(found))} written.", files=[table.name, whole.name])
        return ToolResult(
            summary=f"{count_words(len(found))} exported: {table.name} (a table) and {whole.name} (everything).",
            data={"total": len(found), "csv": str(table), "json": str(whole)},
            artifacts=(
                Artifact(kind="file", ref=str(table), title="History (CSV)"),
                Artifact(kind="file", ref=str(whole), title="History (JSON)"),
            ),
        )

    def _delete(self, args: TrackerArgs, context: ToolContext, steps: Steps) -> ToolResult:
        records = self._named(args, context)
        for record in records:
            if record.status == "running":
                raise ExperimentError(
                    f"Experiment {record.id} is still running.", hint="Cancel its job first, then delete it."
                )
        with steps.step("logging") as step:
            for record in records:
                context.store.delete(record.id)
            step.say(f"{count_words(len(records))} deleted.", experiments=[record.id for record in records])
        names = ", ".join(str(record.id) for record in records)
        return ToolResult(
            summary=f"Experiment {names} {'is' if len(records) == 1 else 'are'} deleted, with models and files.",
            data={"deleted": [record.id for record in records], "left": len(context.store.list())},
            options=("Show my experiments",),
        )
