"""Tables: numbers stay numbers, words become ids, dates become days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from tools.core.errors import TaskError
from tools.core.records import DatasetProfile
from tools.engine.data.candidates import find_targets
from tools.engine.data.columns import column_kinds
from tools.engine.data.dataset import Dataset, DataSpec, TaskSpec
from tools.engine.data.dates import days, parse_dates, read_dates
from tools.engine.data.describe import describe
from tools.engine.data.forms import Form, Forms, forms_from_state, forms_state, written_numbers
from tools.engine.data.missing import MISSING_MARKERS, listed
from tools.engine.data.modality import MODALITIES, Encoder, Modality
from tools.engine.data.supervised import supervised_task
from tools.engine.data.tabular_graph import tabular_graph

if TYPE_CHECKING:
    import onnx

MAX_LEVELS = 255
_DROPPED = {
    "identifier": "an identifier",
    "constant": "the same value everywhere",
    "empty": "empty",
    "text": "free text",
}


class TabularEncoder(Encoder):
    """Numbers as float32 with NaN for missing (families scale them themselves), categories as ids.

    Id 0 is missing or unknown. A category of more than 255 levels keeps the 254 most frequent; the last id stands for
    all others, and for those that come later. Dates are days since 1970 among the
    numbers. Identifiers, constants, empty columns and free text are left out, with the reason in `dropped`.
    """

    def __init__(self) -> None:
        self.numeric: list[str] = []
        self.dates: list[str] = []
        self.levels: dict[str, list[str]] = {}
        self.others: list[str] = []
        self.dropped: dict[str, str] = {}
        self._forms: dict[str, Form] = {}

    @property
    def forms(self) -> Forms:
        """How the columns were written in the data it was fitted on; empty in bundles of before this was kept."""
        return self._forms

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (*self.numeric, *self.levels)

    def fit(self, dataset: Dataset, rows: np.ndarray) -> None:
        """Choose columns and learn the levels from the examples at `rows`.

        Raises:
            TaskError: no column is left.
        """
        frame = dataset.frame.iloc[np.sort(rows)]
        self.numeric, self.dates, self.levels, self.others, self.dropped = [], [], {}, [], {}
        for name, kind in column_kinds(frame).items():
            values = frame[name]
            if name == dataset.target:
                continue
            if name in dataset.aside:
                self.dropped[name] = "set aside: it groups the rows, or is predicted as well"
            elif kind in _DROPPED:
                self.dropped[name] = _DROPPED[kind]
            elif kind == "date":
                self.numeric.append(name)
                self.dates.append(name)
            elif pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
                self.numeric.append(name)
            else:
                counts = pd.Series(_words(values)).value_counts()
                known = sorted(
                    ((str(level), int(n)) for level, n in counts.items() if level), key=lambda x: (-x[1], x[0])
                )
                many = len(known) > MAX_LEVELS
                self.levels[name] = [level for level, _ in known[: MAX_LEVELS - many]]
                self.others += [name] if many else []
        if not self.columns:
            # A lone column that counts up is more likely a measurement than a row number.
            numbers = (name for name in self.dropped if pd.api.types.is_numeric_dtype(frame[name].dtype))
            self.numeric = [name for name in numbers if self.dropped[name] == _DROPPED["identifier"]]
            self.dropped = {name: reason for name, reason in self.dropped.items() if name not in self.numeric}
        if not self.columns:
            raise TaskError(
                f"No column of '{dataset.name}' can be learned from: {_reasons(self.dropped)}.",
                hint="Add columns that say something about the target.",
            )
        self._forms = {name: dataset.forms[name] for name in self.columns if name in dataset.forms}

    def transform(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`num` float32 [n, n_numeric] and `cat` int64 [n, n_categorical]."""
        raw = self.raw_inputs(dataset, rows)
        num = [raw[name] for name in self.numeric]
        cat = [_ids(raw[name][:, 0], levels, name in self.others)[:, None] for name, levels in self.levels.items()]
        n = len(rows)
        return {
            "num": np.concatenate(num, axis=1) if num else np.zeros((n, 0), np.float32),
            "cat": np.concatenate(cat, axis=1) if cat else np.zeros((n, 0), np.int64),
        }

    def spec(self, task: TaskSpec, n_train: int) -> DataSpec:
        """Widths and cardinalities."""
        cardinalities = tuple(len(levels) + 1 + (name in self.others) for name, levels in self.levels.items())
        return DataSpec("tabular", task, n_train, n_numeric=len(self.numeric), cardinalities=cardinalities)

    def raw_inputs(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Every used column, [n, 1]: float32 with NaN for missing, or str with "" for missing.

        Raises:
            TaskError: columns the model needs are not there.
        """
        lacking = [name for name in self.columns if name not in dataset.frame.columns]
        if lacking:
            raise TaskError(
                f"'{dataset.name}' lacks {len(lacking)} column(s) that the model needs: {listed(lacking, 10)}.",
                details={"missing": lacking},
                hint="Add them; where a value is not known, leave the cell empty.",
            )
        frame = dataset.frame.iloc[rows]
        result = {
            name: _numbers(frame[name], name in self.dates, self._forms.get(name))[:, None] for name in self.numeric
        }
        return result | {name: _words(frame[name])[:, None] for name in self.levels}

    def graph(self) -> onnx.ModelProto | None:
        """Raw columns -> `num`, `cat`."""
        return tabular_graph(self.numeric, self.levels, frozenset(self.others))

    def state(self) -> dict[str, Any]:
        """Columns, levels, what was left out and why, and how the columns were written."""
        return {
            "numeric": self.numeric,
            "dates": self.dates,
            "levels": self.levels,
            "others": self.others,
            "dropped": self.dropped,
            "forms": forms_state(self._forms),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TabularEncoder:
        """The inverse of `state`."""
        encoder = cls()
        encoder.numeric = list(state["numeric"])
        encoder.dates = list(state["dates"])
        encoder.levels = {name: list(levels) for name, levels in state["levels"].items()}
        encoder.others = list(state.get("others", []))
        encoder.dropped = dict(state["dropped"])
        encoder._forms = forms_from_state(state.get("forms", {}))
        return encoder


@MODALITIES.register
class Tabular(Modality):
    """Rows and columns."""

    name = "tabular"
    title: ClassVar[str] = "Table"

    def profile(self, dataset: Dataset, target: str | None) -> DatasetProfile:
        """Columns, candidates, problems and likely leaks."""
        found = describe(dataset, target)
        targets = find_targets(dataset, target) if target is not None else (found.target,)
        columns = [column for column in found.columns if column.name not in targets]
        texts = [column.name for column in columns if column.kind == "text"]
        wide = [column.name for column in columns if column.kind == "category" and column.unique > MAX_LEVELS]
        said = [f"Free text is not used by models for tables: {listed(texts)}."] if texts else []
        if wide:
            said.append(
                f"More than {MAX_LEVELS} different values, of which the most frequent {MAX_LEVELS - 1} are told apart "
                f"and all others count as one: {listed(wide)}."
            )
        return found.model_copy(update={"warnings": (*found.warnings, *said)}) if said else found

    def task(self, dataset: Dataset, target: str | None, kind: str | None, metric: str | None) -> TaskSpec:
        """Classification or regression of one column, or of several at once."""
        task = supervised_task(dataset, target, kind, metric)
        if len(dataset.frame.columns) < 1 + len(task.targets):
            raise TaskError(
                f"'{dataset.name}' has no column besides the target '{task.target}'.",
                hint="Add columns to predict it from.",
            )
        return task

    def encoder(self) -> Encoder:
        """A new, unfitted encoder."""
        return TabularEncoder()

    def encoder_from_state(self, state: dict[str, Any]) -> Encoder:
        """The encoder of a stored bundle."""
        return TabularEncoder.from_state(state)


def _numbers(values: pd.Series, date: bool, form: Form | None) -> np.ndarray:
    """A column as float32 [n], whatever its type is in this file; what is no number is missing."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        numbers = days(values)
    elif pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        text = values.astype(object)
        read = None
        if date:
            read = parse_dates(text) if form is None or form.day_first is None else read_dates(text, form.day_first)
        numbers = written_numbers(text, form) if read is None else days(read)
    with np.errstate(over="ignore"):
        short = numbers.astype(np.float32)
    return np.where(np.isfinite(short), short, np.float32(np.nan))


def _words(values: pd.Series) -> np.ndarray:
    """A column as str in an object array [n]; whole floats lose their ".0", missing is ""."""
    codes, levels = pd.factorize(values)
    words = [_word(level) for level in levels]
    table = np.array([*words, ""], dtype=object)  # the last one answers code -1, missing
    result: np.ndarray = table[codes]
    return result


def _word(level: Any) -> str:
    text = str(int(level)) if isinstance(level, float) and level.is_integer() else str(level).strip()
    return "" if text in MISSING_MARKERS else text


def _ids(words: np.ndarray, levels: list[str], other: bool) -> np.ndarray:
    table = {"": 0} | {level: number for number, level in enumerate(levels, start=1)}
    unknown = len(levels) + 1 if other else 0
    codes, found = pd.factorize(words)
    ids = np.array([table.get(str(level), unknown) for level in found] + [0], np.int64)
    result: np.ndarray = ids[codes]
    return result


def _reasons(dropped: dict[str, str]) -> str:
    return (
        "; ".join(f"'{name}' is {reason}" for name, reason in list(dropped.items())[:5]) or "there is only the target"
    )
