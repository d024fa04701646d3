"""Predictor: using a model."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from tools._models import open_bundle, with_model
from tools._steps import Steps
from tools._training import short
from tools.contract import TOOLS, Artifact, Tool, ToolArgs, ToolContext, ToolResult
from tools.core.errors import TaskError
from tools.core.records import ExperimentRecord
from tools.tracking.wording import rows

if TYPE_CHECKING:
    import pandas as pd

    from tools.engine.export.bundle_reader import Bundle

SHOWN_ROWS = 5
SHOWN_TEXT = 600


class PredictorArgs(ToolArgs):
    """Which model, and what to predict: give `dataset` or `inputs`."""

    experiment: int | None = Field(
        default=None, description="experiment; omitted: the conversation's current one, else the newest with a model"
    )
    dataset: str | None = Field(default=None, description="attached file or sample whose rows are predicted")
    inputs: list[dict[str, Any] | str] | None = Field(
        default=None,
        min_length=1,
        description="rows as objects {column: value}; or texts; or names of attached images; or one prompt for a text "
        "generator",
    )
    max_new_tokens: int = Field(default=200, ge=1, le=5000, description="length of generated text, characters")
    temperature: float = Field(
        default=0.8, ge=0, le=5, description="of generated text: 0 takes the likeliest character, 1 samples freely"
    )
    top_p: float = Field(
        default=1.0, gt=0, le=1, description="of generated text: draw only from the likeliest with this share"
    )


@TOOLS.register
class Predictor(Tool[PredictorArgs]):
    """Use a trained model: predict rows, images or texts, or continue a prompt.

    Use it when the user gives new data or values and wants predictions, or wants a text generated. Give `dataset` for a
    file, or `inputs` for values in the message. Returns the first predictions and a CSV file with all.
    """

    name = "Predictor"
    Args = PredictorArgs
    examples = (
        "Predict new_customers.csv",
        "What would it say for sepal length 5.1, sepal width 3.5, petal length 1.4, petal width 0.2?",
        "Classify this: 'my parcel never arrived'",
        "Which digit is on this picture?",
        "Continue the text: Once upon a time",
        "Use experiment 2 on the test file",
        "Generate 300 characters",
    )

    def run(self, args: PredictorArgs, context: ToolContext) -> ToolResult:
        """Predict.

        Raises:
            AutoMLError: there is no model, nothing to predict, or the data does not fit the model.
        """
        steps = Steps(context)
        with steps.step("model") as step:
            record = with_model(args.experiment, context)
            bundle = open_bundle(record)
            step.say(f"The exported model of experiment {record.id} is loaded.", experiment=record.id)
        if bundle.metadata["modality"] == "corpus":
            return self._generate(args, bundle, record, steps)
        with steps.step("prediction") as step:
            frame = self._frame(args, bundle, context)
            step.say(f"Predicted: {rows(len(frame))}.", n_rows=len(frame))
        path = _write(frame, context.store.folder(record.id))
        shown = frame.head(SHOWN_ROWS)
        columns = _columns(bundle)
        first = [_row(line, columns) for line in shown.to_dict(orient="records")]
        return ToolResult(
            summary=_summary(frame, first, columns, record),
            data={"experiment": record.id, "n_rows": len(frame), "predictions": first, "file": str(path)},
            experiment=record.id,
            artifacts=(Artifact(kind="file", ref=str(path), title="All predictions (CSV)"),),
            next_step="Download the CSV for all rows." if len(frame) > len(first) else "",
            options=("How good is it?",),
        )

    def _frame(self, args: PredictorArgs, bundle: Bundle, context: ToolContext) -> pd.DataFrame:
        if args.inputs is None:
            if args.dataset is None:
                raise TaskError(
                    "There is nothing to predict.",
                    hint=f"Attach a file, name a dataset, or give the values, for instance {_wanted(bundle)}.",
                )
            return bundle.predict_source(context.resolve_dataset(args.dataset))
        import pandas as pd

        if bundle.metadata["modality"] == "image":
            frames = [bundle.predict_source(context.resolve_dataset(_text(value, "image"))) for value in args.inputs]
            return pd.concat(frames, ignore_index=True)
        if all(isinstance(value, dict) for value in args.inputs):
            return bundle.predict_frame(pd.DataFrame(args.inputs))
        columns = [entry["raw"] for entry in bundle.metadata["inputs"]]
        text_column = bundle.metadata["dataset"]["details"].get("text_column") or bundle.metadata["dataset"][
            "details"
        ].get("text")
        column = text_column or (columns[0] if len(columns) == 1 else None)
        listed = None if column else _in_order(args.inputs, columns)
        if listed is not None:
            return bundle.predict_frame(listed)
        if column is None or any(isinstance(value, dict) for value in args.inputs):
            raise TaskError(
                "This model needs a value for each of its columns.", hint=f"Give rows such as {_wanted(bundle)}."
            )
        return bundle.predict_frame(pd.DataFrame({column: args.inputs}))

    def _generate(self, args: PredictorArgs, bundle: Bundle, record: ExperimentRecord, steps: Steps) -> ToolResult:
        if args.dataset is not None:
            raise TaskError("This model continues text; it cannot predict a dataset.", hint="Give it a prompt.")
        prompt = _text(args.inputs[0], "prompt") if args.inputs else ""
        with steps.step("generation") as step:
            text = bundle.generate(prompt, args.max_new_tokens, args.temperature, top_p=args.top_p)
            step.say(f"{len(text)} characters were written.", n_characters=len(text))
        return ToolResult(
            summary=f"Experiment {record.id} writes: {text}",
            data={"experiment": record.id, "prompt": prompt[:100], "text": text[:SHOWN_TEXT]},
            experiment=record.id,
            options=("Write another text", "How good is it?"),
        )


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TaskError(f"This model needs {what}s, not rows of values.", hint=f"Give the {what} as text.")
    return value


def _in_order(inputs: list[dict[str, Any] | str], columns: list[str]) -> pd.DataFrame | None:
    """Rows given as values in the order of the columns ("5.1, 3.5, 1.4, 0.2"); None where the numbers differ."""
    import pandas as pd

    found = [[part.strip() for part in re.split(r"[,;]", row)] for row in inputs if isinstance(row, str)]
    if len(found) != len(inputs) or any(len(row) != len(columns) for row in found):
        return None
    return pd.DataFrame(found, columns=columns).apply(_numbers_if_all)


def _numbers_if_all(column: pd.Series) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    return column if numbers.isna().any() else numbers


def _wanted(bundle: Bundle) -> str:
    entries = bundle.metadata["inputs"]
    row = ", ".join(f"{entry['raw']}: {entry.get('typical', '…')}" for entry in entries[:4])
    return "{" + row + (", …}" if len(entries) > 4 else "}")


def _write(frame: pd.DataFrame, folder: Path) -> Path:
    """Keep the predictions; those of earlier calls stay."""
    path = folder / "predictions.csv"
    if path.exists():
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        path = folder / f"predictions-{stamp}.csv"
    frame.to_csv(path, index=False)
    return path


def _columns(bundle: Bundle) -> dict[str, str]:
    """Columns of the predicted table: where the prediction stands -> how the columns of its probabilities begin."""
    targets = bundle.task.targets if bundle.task.parts else ()
    return {target: f"probability_{target}_" for target in targets} or {"prediction": "probability_"}


def _row(line: dict[Any, Any], columns: dict[str, str]) -> dict[str, Any]:
    """The predictions and, for classes, their probabilities."""
    row: dict[str, Any] = {}
    for name, start in columns.items():
        prediction = line[name]
        value = prediction.item() if hasattr(prediction, "item") else prediction
        row[name] = short(value) if isinstance(value, float) else value
        probabilities = [float(v) for other, v in line.items() if str(other).startswith(start)]
        if probabilities:
            row[_probability(name, columns)] = short(max(probabilities))
    return row


def _probability(name: str, columns: dict[str, str]) -> str:
    return "probability" if len(columns) == 1 else f"probability_{name}"


def _summary(
    frame: pd.DataFrame, shown: list[dict[str, Any]], columns: dict[str, str], record: ExperimentRecord
) -> str:
    def told(name: str) -> str:
        return "" if len(columns) == 1 else f"{name} "

    def said(row: dict[str, Any]) -> str:
        sure = {name: row.get(_probability(name, columns)) for name in columns}
        return ", ".join(
            f"{told(name)}{row[name]}" + (f" ({share:.0%})" if share is not None else "")
            for name, share in sure.items()
        )

    if len(frame) == 1:
        return f"Experiment {record.id} predicts {said(shown[0])}."
    first = (", " if len(columns) == 1 else "; ").join(said(row) for row in shown)
    text = f"Experiment {record.id} predicted {len(frame):,} rows. The first: {first}."
    for name in columns:
        if _probability(name, columns) in shown[0]:
            counts = frame[name].value_counts().head(4)
            text += f" In all: {told(name)}{', '.join(f'{value} {count:,}' for value, count in counts.items())}."
        else:
            text += f" Mean {told(name)}{short(float(frame[name].mean()))}."
    return text
