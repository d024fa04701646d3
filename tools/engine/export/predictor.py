"""Using a bundle on new data: tables, texts and pictures; the predictions come back as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset
from tools.engine.data.forms import Forms
from tools.engine.data.missing import listed

if TYPE_CHECKING:
    import pandas as pd

    from tools.engine.export.bundle_reader import Bundle


def predict_frame(bundle: Bundle, frame: pd.DataFrame) -> pd.DataFrame:
    """Predict every row of a table; columns the model does not know are ignored.

    Args:
        bundle: The model.
        frame: One row per example, with the columns of the training data (the target is not needed).

    Returns:
        One row per row of `frame`, with its index: `prediction` (the class, "a|b" for several labels, or the value)
        and for classes `probability_<class>`; for several targets `<target>` and `probability_<target>_<class>`.

    Raises:
        TaskError: columns are missing, a number column holds something else, or the model does not read tables.
    """
    frame = frame.rename(columns=str)
    dataset = dataset_of(bundle, frame)
    _refuse_words(bundle, dataset, frame)
    result = _predict(bundle, dataset)
    result.index = frame.index
    return result


def predict_source(bundle: Bundle, source: str) -> pd.DataFrame:
    """Predict a file, a folder of pictures or a built-in sample.

    Args:
        bundle: The model.
        source: As for training.

    Raises:
        TaskError: the source cannot be read, or is not the kind of data the model reads.
    """
    from tools.engine.data.read import load

    _no_text_generation(bundle)
    dataset = load(source, forms=forms_of(bundle))
    if bundle.metadata["modality"] == "image":
        if dataset.images is None:
            raise TaskError(f"'{dataset.name}' holds no pictures, and this model reads pictures.", hint=_wanted(bundle))
        return _predict(bundle, dataset)
    if dataset.images is not None:
        raise TaskError(f"'{dataset.name}' holds pictures, and this model reads tables.", hint=_wanted(bundle))
    # Whether rows are a table or texts was decided in training; a new file need not look the same.
    details = {**dataset.details, **bundle.metadata["dataset"]["details"]}
    same = replace(dataset, modality=bundle.metadata["modality"], details=details)
    check_columns(bundle, same.frame)
    _refuse_words(bundle, same, same.frame)
    return _predict(bundle, same)


def dataset_of(bundle: Bundle, frame: pd.DataFrame) -> Dataset:
    """Rows in memory as the dataset the bundle's encoder reads.

    Raises:
        TaskError: columns are missing, or the model reads no table.
    """
    from tools.engine.data.read import from_frame

    _no_text_generation(bundle)
    if bundle.metadata["modality"] == "image":
        raise TaskError("This model reads pictures, not tables.", hint=_wanted(bundle))
    check_columns(bundle, frame)
    known = [name for name in frame.columns if name in set(columns_of(bundle))]
    details = bundle.metadata["dataset"]["details"]
    return from_frame(frame[known], "the rows given", bundle.metadata["modality"], details, forms_of(bundle))


def forms_of(bundle: Bundle) -> Forms:
    """How the columns were written in the data the model learned from, its target included."""
    targets = bundle.target.parts or (bundle.target,)
    return {**bundle.encoder.forms, **{part.column: part.form for part in targets if part.form is not None}}


def columns_of(bundle: Bundle) -> list[str]:
    """Columns of a table that the model reads."""
    if bundle.metadata["modality"] == "tabular":
        return [str(entry["raw"]) for entry in bundle.metadata["inputs"]]
    return [str(bundle.metadata["dataset"]["details"]["text"])]


def check_columns(bundle: Bundle, frame: pd.DataFrame) -> None:
    """See that every column is there.

    Raises:
        TaskError: names the missing ones, and columns that look like them.
    """
    from tools.engine.data.candidates import close_matches

    if bundle.metadata["modality"] not in ("tabular", "text"):
        return
    there = [str(name) for name in frame.columns]
    missing = [name for name in columns_of(bundle) if name not in there]
    if missing:
        near = {name: close_matches(name, there, 1) for name in missing[:5]}
        maybe = [f"'{found[0]}' for '{name}'" for name, found in near.items() if found]
        raise TaskError(
            f"{len(missing)} column(s) that the model reads are missing: {listed(missing, 10)}.",
            details={"missing": missing},
            hint=f"Add them{' (perhaps ' + ', '.join(maybe) + ')' if maybe else ''}; empty cells are allowed.",
        )


def _refuse_words(bundle: Bundle, dataset: Dataset, cells: pd.DataFrame) -> None:
    """See that a number column holds numbers: a word there would silently count as missing.

    Args:
        bundle: The model.
        dataset: What the encoder reads.
        cells: The same rows as they were given.

    Raises:
        TaskError: names the column, the row and the word.
    """
    from tools.engine.data.missing import without_markers

    if bundle.metadata["modality"] != "tabular":
        return
    feed, forms = bundle.feed(dataset), bundle.encoder.forms
    for entry in bundle.metadata["inputs"]:
        values = cells[entry["raw"]]
        if entry["kind"] != "number" or (values.dtype != object and values.dtype.kind in "fiubM"):
            continue
        form = forms.get(entry["raw"])
        text = without_markers(values)
        present = (text.notna() & ~text.isin(form.missing if form is not None else ())).to_numpy()
        strange = np.flatnonzero(present & np.isnan(feed[entry["name"]][:, 0]))
        if len(strange):
            row = int(strange[0])
            raise TaskError(
                f"Row {row + 1}: the column '{entry['raw']}' must hold a number or a date as in the training data "
                f"(it was '{str(values.iloc[row])[:60]}').",
                details={"column": entry["raw"], "row": row + 1, "rows": len(strange)},
                hint="Correct it; where a value is not known, leave the cell empty.",
            )


def _predict(bundle: Bundle, dataset: Dataset) -> pd.DataFrame:
    import pandas as pd

    predictions = bundle.predict(dataset)
    columns: dict[str, Any] = {}
    for part, encoder, place in zip(bundle.task.parts, bundle.target.parts, bundle.task.slices, strict=True):
        own = predictions[:, place]
        columns[part.target] = encoder.labels(own[:, 0] if part.kind == "regression" else own)
        columns |= {
            f"probability_{part.target}_{label}": own[:, number].astype(np.float64)
            for number, label in enumerate(part.classes)
        }
    if columns:
        return pd.DataFrame(columns)
    columns["prediction"] = bundle.target.labels(predictions)
    if bundle.task.kind == "classification":
        for number, label in enumerate(bundle.task.classes):
            columns[f"probability_{label}"] = predictions[:, number].astype(np.float64)
    return pd.DataFrame(columns)


def _no_text_generation(bundle: Bundle) -> None:
    if bundle.task.kind == "generation":
        raise TaskError("This model writes text and predicts no rows.", hint="Give it a prompt to go on from.")


def _wanted(bundle: Bundle) -> str:
    if bundle.metadata["modality"] == "image":
        return "Give a picture, a folder or zip of pictures, or an .npz file with images."
    return f"Give a table with the columns {listed(columns_of(bundle), 10)}."
