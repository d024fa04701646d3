"""Which column could be the target, and which one a name means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pandas as pd

from tools.core.errors import TaskError
from tools.engine.data.columns import UNUSED, column_kinds
from tools.engine.data.dataset import Dataset
from tools.engine.data.missing import listed

_SURE = frozenset({"target", "label", "labels", "class", "y", "output", "outcome", "response"})
_LIKELY = frozenset(
    {
        "churn", "churned", "category", "species", "diagnosis", "survived", "sentiment", "default", "fraud", "price",
        "quality", "digit", "progression", "genre", "genres", "rating", "score", "status", "income", "result", "topic",
        "intent", "spam", "purchased", "sold", "exited", "attrition", "approved", "converted", "clicked", "tags",
    }
)  # fmt: skip
_NEVER = UNUSED | {"text", "date"}
_WHY = {
    "identifier": ("looks like an identifier", "look like identifiers"),
    "constant": ("has the same value everywhere", "have the same value everywhere"),
    "empty": ("is empty", "are empty"),
    "text": ("holds free text", "hold free text"),
    "date": ("holds dates", "hold dates"),
}


def rank_candidates(frame: pd.DataFrame, kinds: dict[str, str] | None = None, limit: int = 5) -> tuple[str, ...]:
    """Columns that could be the target, likeliest first.

    The name counts most (target, label, class, churned …), then being the last column, then having few values. A
    column with one value throughout cannot be learned; but where it is clearly the one that is meant (by its name, or
    as the last column that holds words), it stays, so that the user hears what is wrong instead of getting a model of
    another column.
    """
    kinds = kinds or column_kinds(frame)
    scores: dict[str, float] = {}
    names = [str(name) for name in frame.columns]
    missing = frame.isna().to_numpy().mean(axis=0)
    for position, name in enumerate(names):
        last = position == len(names) - 1
        if kinds[name] in _NEVER and not (kinds[name] == "constant" and _meant(name, last, frame[name])):
            continue
        words = set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))
        score = 3.5 if name.lower() in _SURE else 2.5 if name.lower() in _LIKELY else 0.0
        if not score and words & (_SURE | _LIKELY):
            score = 1.5
        if re.match(r"(is|has|will|was)_", name.lower()):
            score += 1
        score += 2.0 if last else 0.5 if position == 0 else 0.0
        if kinds[name] in ("category", "boolean"):
            score += 1.0 if frame[name].nunique() <= 20 else 0.5
        if missing[position] > 0.5:
            score -= 1.0
        scores[name] = score
    ranked = sorted(scores, key=lambda name: (-scores[name], -names.index(name)))
    return tuple(name for name in ranked if scores[name] >= 1.0 or name == ranked[0])[:limit]


def no_candidate(frame: pd.DataFrame, kinds: dict[str, str] | None = None) -> str:
    """Why no column can be the target: one sentence, empty for a table without columns.

    >>> no_candidate(pd.DataFrame({"a": [1.0, 1.0]}))
    "'a' has the same value everywhere."
    """
    found: dict[str, list[str]] = {}
    for name, kind in (kinds or column_kinds(frame)).items():
        found.setdefault(kind, []).append(name)
    parts = [f"{listed(names, 3)} {_WHY[kind][len(names) > 1]}" for kind, names in found.items() if kind in _WHY]
    return f"{'; '.join(parts)}." if parts else ""


def without_columns(dataset: Dataset, names: Sequence[str]) -> Dataset:
    """The dataset without columns that the user wants left out.

    Raises:
        TaskError: there is no such column, or it is the one to predict.
    """
    if not names:
        return dataset
    gone = [find_column(dataset, name) for name in names]
    wanted = next((name for name in gone if name == dataset.target or name in dataset.aside), None)
    if wanted is not None:
        raise TaskError(
            f"The column '{wanted}' is the one to predict, so it cannot be left out.",
            hint="Name another target, or leave out other columns.",
        )
    kinds = {name: kind for name, kind in dataset.kinds.items() if name not in gone} if dataset.kinds else None
    return replace(dataset, frame=dataset.frame.drop(columns=gone), kinds=kinds)


def find_column(dataset: Dataset, name: str) -> str:
    """The column that `name` means: exactly, or else the only one that differs in case, blanks or punctuation.

    Raises:
        TaskError: there is none; the message lists close matches.
    """
    names = [str(column) for column in dataset.frame.columns]
    if name in names:
        return name
    alike = [column for column in names if _plain(column) == _plain(name) and _plain(name)]
    if len(alike) == 1:
        return alike[0]
    if dataset.modality == "corpus":
        raise TaskError(
            f"'{dataset.name}' is plain text and has no column '{name}'.",
            hint="Leave the target out: a model that continues text is trained.",
        )
    near = close_matches(name, names)
    raise TaskError(
        f"There is no column '{name}' in '{dataset.name}'.",
        details={"columns": names[:100], "close": near},
        hint=(f"Did you mean {' or '.join(repr(match) for match in near)}? " if near else "")
        + f"The columns are: {listed(names, 12)}.",
    )


def find_targets(dataset: Dataset, wanted: str) -> tuple[str, ...]:
    """The columns that a request names: one, or several separated by commas.

    Raises:
        TaskError: one of them is not there; see `find_column`.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if len(names) < 2 or wanted in dataset.frame.columns:
        return (find_column(dataset, wanted),)
    return tuple(dict.fromkeys(find_column(dataset, name) for name in names))


def close_matches(name: str, names: Iterable[str], limit: int = 3) -> list[str]:
    """Names that look like `name`, best first; case does not matter.

    >>> close_matches("chrned", ["age", "Churned"])
    ['Churned']
    """
    lowered = {candidate.lower(): candidate for candidate in names}
    return [lowered[match] for match in difflib.get_close_matches(name.lower(), lowered, n=limit, cutoff=0.6)]


def _meant(name: str, last: bool, values: pd.Series) -> bool:
    """Whether a column that cannot be learned is clearly the one to be predicted."""
    words = not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)
    return name.lower() in _SURE | _LIKELY or (last and words)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
