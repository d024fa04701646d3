"""DatasetInspector: what is in the data."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from tools._steps import Steps
from tools._training import short
from tools.contract import TOOLS, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.records import ColumnProfile, DatasetProfile

MOST_COLUMNS = 8
MOST_CLASSES = 6
_UNITS = {"tabular": "row", "image": "image", "text": "text", "corpus": "block"}


class InspectorArgs(ToolArgs):
    """Which data."""

    dataset: str | None = Field(
        default=None, description="attached file or sample name; omitted: the conversation's current dataset"
    )
    target: str | None = Field(default=None, description="column that is to be predicted, if known")


@TOOLS.register
class DatasetInspector(Tool[InspectorArgs]):
    """Look at a dataset: rows, columns and their kinds, missing values, target candidates, class balance, likely leaks.

    Use it when the user asks what is in a file or sample, which column could be predicted, or whether the data has
    problems, and before training when the target is unclear. Trains nothing; takes a second or two.
    """

    name = "DatasetInspector"
    Args = InspectorArgs
    examples = (
        "What is in this file?",
        "Show me the columns of the diabetes dataset",
        "Does churn.csv have problems?",
        "Describe iris",
        "Which column should I predict?",
        "Are there missing values or duplicates?",
        "Is the data balanced?",
    )

    def run(self, args: InspectorArgs, context: ToolContext) -> ToolResult:
        """Read and profile.

        Raises:
            TaskError: the data cannot be found or read.
        """
        source = context.resolve_dataset(args.dataset)
        steps = Steps(context)
        from tools.engine.data.profile import profile
        from tools.engine.data.read import load

        with steps.step("reading") as step:
            dataset = load(source, args.target)
            step.say(f"{dataset.n_rows:,} rows of {dataset.name} were read.", n_rows=dataset.n_rows)
        with steps.step("profile") as step:
            found = profile(dataset, args.target)
            step.say(
                f"{_count(found.n_columns, 'column')}, {_count(len(found.warnings), 'problem')}.",
                n_columns=found.n_columns,
            )
        return ToolResult(
            summary=_summary(found),
            data=_data(found),
            dataset=args.dataset or context.current_dataset or found.name,
            next_step=_next(found),
            options=_options(found),
        )


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _next(found: DatasetProfile) -> str:
    if found.modality == "corpus":
        return "Train a text generator on it."
    return f"Train a model that predicts {found.target}." if found.target else "Name the column to predict."


def _summary(found: DatasetProfile) -> str:
    of_text = " of plain text" if found.modality == "corpus" else ""
    parts = [f"{found.name}: {_count(found.n_rows, _UNITS.get(found.modality, 'row'))}{of_text}"]
    if found.modality == "tabular":
        kinds: dict[str, int] = {}
        for column in found.columns:
            kinds[column.kind] = kinds.get(column.kind, 0) + 1
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        cut = f"of the {len(found.columns):,} looked at: " if found.n_columns > len(found.columns) else ""
        parts.append(f", {_count(found.n_columns, 'column')} ({cut}{listed})")
    text = "".join(parts) + "."
    names = [f"`{column.name}` ({column.kind})" for column in found.columns]
    if names and found.modality in ("tabular", "text"):
        more = f" and {found.n_columns - MOST_COLUMNS:,} more" if len(names) > MOST_COLUMNS else ""
        text += f" Columns: {', '.join(names[:MOST_COLUMNS])}{more}."
    if found.target:
        text += f" Likely target: `{found.target}`"
        text += f" ({found.task})." if found.task else "."
        others = [name for name in found.target_candidates if name != found.target]
        if others:
            text += f" Other candidates: {', '.join(f'`{name}`' for name in others[:3])}."
    if found.classes:
        shown = [f"{name} {count:,}" for name, count in list(found.classes.items())[:MOST_CLASSES]]
        text += f" Classes: {', '.join(shown)}{' …' if len(found.classes) > MOST_CLASSES else ''}."
    if found.missing:
        text += f" Missing values: {found.missing:,}."
    if found.duplicates:
        text += f" Duplicate rows: {found.duplicates:,}."
    if found.warnings:
        text += " Problems: " + " ".join(found.warnings[:4])
        text += f" And {len(found.warnings) - 4} more." if len(found.warnings) > 4 else ""
    else:
        text += " No problems found."
    return text


def _data(found: DatasetProfile) -> dict[str, Any]:
    return {
        "dataset": found.name[:60],
        "modality": found.modality,
        "n_rows": found.n_rows,
        "n_columns": found.n_columns,
        "columns": [_column(column) for column in found.columns[:MOST_COLUMNS]],
        "target": found.target,
        "target_candidates": [name[:40] for name in found.target_candidates[:4]],
        "task": found.task,
        "classes": {name[:30]: count for name, count in list(found.classes.items())[:MOST_CLASSES]},
        "missing": found.missing,
        "duplicates": found.duplicates,
        "n_warnings": len(found.warnings),
    }


def _column(column: ColumnProfile) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name[:30], "kind": column.kind}
    if column.missing:
        entry["missing"] = column.missing
    if column.kind in ("category", "boolean"):
        entry["unique"] = column.unique
    if column.mean is not None:
        entry["mean"] = short(column.mean)
    return entry


def _options(found: DatasetProfile) -> tuple[str, ...]:
    if found.modality == "corpus":
        return ("Train a text generator on it",)
    if found.target is None:
        return tuple(f"Predict {name}" for name in found.target_candidates[:3])
    return (f"Train a model that predicts {found.target}", "Find the best architecture for it")
