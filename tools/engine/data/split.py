"""One deterministic split: an untouched test part, and folds for judging candidates during the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.core.config import ValidationSpec
from tools.core.errors import TaskError
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.labels import class_numbers, label_matrix
from tools.engine.data.supervised import usable_rows

TEST_SHARE = 0.2
HOLDOUT_SHARE = 0.2
LEAST_HELD = 20
"""Rows that a part held out has at least, where its share allows it."""
_MAX_BINS = 10


@dataclass(frozen=True)
class Splits:
    """Row numbers (int64, sorted).

    Attributes:
        train: All rows that may be learned from: everything usable that is not test.
        test: Rows that nothing looks at before the very end.
        folds: (rows to fit on, rows to validate on), parts of `train`; one pair for a hold-out, k for k folds.
    """

    train: np.ndarray
    test: np.ndarray
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]


def split(dataset: Dataset, task: TaskSpec, validation: ValidationSpec, seed: int) -> Splits:
    """Split the usable rows: 20 % test, and of the rest 20 % (hold-out) or one k-th (k folds) for validation.

    Classes keep their shares (values: their quantiles) in every part; every class has a row to fit on in every fold.
    After a hold-out, a class of three or more rows has one in each part; a class of two is only fitted on, unless
    there is too little else to judge by.
    Text for generation is cut into stretches that hang together, the last one for the test.

    Args:
        dataset: The data.
        task: What is predicted; rows without a usable target are in no part.
        validation: Hold-out or k folds.
        seed: The same seed gives the same split, on every machine.

    Raises:
        TaskError: there are too few rows to split.
    """
    rows = usable_rows(dataset, task)
    n_folds = validation.folds if validation.method == "cross_validation" else 1
    if len(rows) < max(5, n_folds + 2):
        raise TaskError(
            f"'{dataset.name}' has {len(rows)} usable rows; that is too few for {n_folds} fold(s) and a test.",
            hint="Add rows, or use a hold-out instead of cross-validation.",
        )
    if dataset.modality == "corpus":
        return _contiguous(rows, n_folds)
    strata = _strata(dataset, task, rows)
    rng = np.random.default_rng(seed)
    _, group, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    whole = sizes[group]
    in_test = _draw(strata, whole, TEST_SHARE, 2, rng)
    train, test = rows[~in_test], rows[in_test]
    inner = strata[~in_test]
    if n_folds == 1:
        held = _draw(inner, whole[~in_test], HOLDOUT_SHARE, 1, rng)
        return Splits(train, test, ((train[~held], train[held]),))
    numbers = _fold_numbers(inner, n_folds, rng)
    folds = tuple((train[numbers != fold], train[numbers == fold]) for fold in range(n_folds))
    return Splits(train, test, folds)


def _contiguous(rows: np.ndarray, n_folds: int) -> Splits:
    """The corpus: the end is the test; folds are stretches of the rest."""
    n_test = max(1, round(TEST_SHARE * len(rows)))
    train, test = rows[:-n_test], rows[-n_test:]
    if n_folds == 1:
        n_held = max(1, round(HOLDOUT_SHARE * len(train)))
        return Splits(train, test, ((train[:-n_held], train[-n_held:]),))
    parts = np.array_split(train, n_folds)
    folds = tuple((np.concatenate([*parts[:i], *parts[i + 1 :]]), part) for i, part in enumerate(parts))
    return Splits(train, test, folds)


def _strata(dataset: Dataset, task: TaskSpec, rows: np.ndarray) -> np.ndarray:
    """A group number for every row: its class, its rarest label, or its quantile. int64 [n]."""
    values = dataset.frame[task.target].iloc[rows]
    if task.kind == "regression":
        numbers = values.to_numpy(dtype=np.float64)
        n_bins = int(np.clip(len(rows) // 10, 1, _MAX_BINS))
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, n_bins + 1)[1:-1]))
        return np.searchsorted(edges, numbers, side="right")
    if task.multilabel:
        matrix = label_matrix(values, task.classes)
        rarity = np.where(matrix > 0, matrix.sum(axis=0), np.inf)
        return np.where(matrix.any(axis=1), rarity.argmin(axis=1), len(task.classes)).astype(np.int64)
    return class_numbers(values, task.classes)


def _draw(strata: np.ndarray, whole: np.ndarray, share: float, keep: int, rng: np.random.Generator) -> np.ndarray:
    """Draw `share` of the rows, the same share of every group (largest remainders); bool [n].

    A group of three or more rows gives at least one, however small its share: a class that no held-out row has can be
    neither judged nor ranked. Smaller groups give none, as long as the others make up a part worth judging by.

    Args:
        strata: Group of every row, [n].
        whole: Rows of that group before anything was drawn, [n].
        share: Of all rows.
        keep: Rows that a group keeps.
        rng: Draws the rows.
    """
    groups, first, sizes = np.unique(strata, return_index=True, return_counts=True)
    room = np.where(whole[first] >= 3, np.maximum(sizes - keep, 0), 0)
    wanted = sizes * share
    counts = np.floor(wanted).astype(np.int64)
    order = np.argsort(-(wanted - counts), kind="stable")
    counts[order[: round(share * len(strata)) - int(counts.sum())]] += 1
    counts = np.clip(counts, np.minimum(1, room), room)
    least = max(1, min(LEAST_HELD, round(share * len(strata))))
    while counts.sum() < least and (counts < room).any():
        counts[np.argmax(room - counts)] += 1
    pairs = rng.permutation(np.flatnonzero((counts == 0) & (sizes >= 2)))
    counts[pairs[: max(0, least - int(counts.sum()))]] = 1
    if counts.sum() == 0:  # nothing but groups of one row: draw from all rows, whatever their group
        counts[np.argmax(sizes)] = 1
    drawn = np.zeros(len(strata), bool)
    for group, count in zip(groups, counts, strict=True):
        members = np.flatnonzero(strata == group)
        drawn[rng.permutation(members)[:count]] = True
    return drawn


def _fold_numbers(strata: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of every row, int64 [n]; -1 for the only row of a group: it is always fitted on, never validated."""
    numbers = np.full(len(strata), -1, np.int64)
    start = 0
    for group in np.unique(strata):
        members = rng.permutation(np.flatnonzero(strata == group))
        if len(members) == 1:
            continue
        # Going on where the last group stopped keeps the folds equally large.
        numbers[members] = (start + np.arange(len(members))) % n_folds
        start += len(members)
    for fold in range(n_folds):
        if not (numbers == fold).any():
            single = np.flatnonzero(numbers == -1)
            donor = (
                single[0] if len(single) else np.flatnonzero(numbers == np.bincount(numbers[numbers >= 0]).argmax())[0]
            )
            numbers[donor] = fold
    return numbers
