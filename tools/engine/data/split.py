"""One deterministic split: an untouched test part, and folds for judging candidates during the search."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tools.core.config import ValidationSpec
from tools.core.errors import TaskError
from tools.engine.data.arrangement import cut, draw_groups, group_folds, group_numbers, in_time
from tools.engine.data.candidates import find_column
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.labels import class_numbers, label_matrix
from tools.engine.data.supervised import usable_rows

TEST_SHARE = 0.2
HOLDOUT_SHARE = 0.2
LEAST_HELD = 20
"""Rows that a part held out has at least, where its share allows it."""
TINY_ROWS = 200
REPEATS = 3
"""So many rows to learn from, or fewer, are divided into k folds three times: one division is mostly luck there.

Source: Kim (2009), "Estimating Classification Error Rate", section 3 (repeated cross-validation has less variance)."""
_MAX_BINS = 10


@dataclass(frozen=True)
class Splits:
    """Row numbers (int64, sorted).

    Attributes:
        train: All rows that may be learned from: everything usable that is not test.
        test: Rows that nothing looks at before the very end.
        folds: (rows to fit on, rows to validate on), parts of `train`; one pair for a hold-out, k for k folds, one
            division after the other where there are several.
        validation: How they were made.
        repeats: How often the rows were divided into folds.
    """

    train: np.ndarray
    test: np.ndarray
    folds: tuple[tuple[np.ndarray, np.ndarray], ...]
    validation: ValidationSpec = field(default_factory=ValidationSpec)
    repeats: int = 1


def set_aside(dataset: Dataset, validation: ValidationSpec) -> Dataset:
    """The dataset with the group column out of the models' sight: no later row is of a group they have seen.

    Raises:
        TaskError: there is no such column, or the target itself is named.
    """
    named = [
        (what, name) for what, name in (("group", validation.group), ("time", validation.time)) if name is not None
    ]
    for what, name in named:
        if dataset.modality == "corpus":
            raise TaskError(
                f"'{dataset.name}' is plain text and has no column '{name}' to split it by.",
                hint=f"Leave the {what} column out: its last part is the test.",
            )
        if find_column(dataset, name) == dataset.target or find_column(dataset, name) in dataset.aside:
            raise TaskError(
                f"The {what} column '{name}' is the target itself.", hint=f"Name another {what} column, or none."
            )
    if validation.group is None:
        return dataset
    return replace(dataset, aside=(*dataset.aside, find_column(dataset, validation.group)))


def split(dataset: Dataset, task: TaskSpec, validation: ValidationSpec, seed: int) -> Splits:
    """Split the usable rows: 20 % test, and of the rest 20 % (hold-out) or one k-th (k folds) for validation.

    Few rows are divided into k folds several times (see `TINY_ROWS`).
    Classes keep their shares (values: their quantiles) in every part; every class has a row to fit on in every fold.
    After a hold-out, a class of three or more rows has one in each part; a class of two is only fitted on, unless
    there is too little else to judge by.
    Text for generation is cut into stretches that hang together, the last one for the test.

    With a group column, the rows of a group are all in one part, and the shares are those of the groups. With a time
    column, the latest rows are the test and the next-latest the validation; each of k folds is fitted on what came
    before its validation rows.

    Args:
        dataset: The data.
        task: What is predicted; rows without a usable target are in no part.
        validation: Hold-out or k folds.
        seed: The same seed gives the same split, on every machine.

    Raises:
        TaskError: there are too few rows, groups or times to split.
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
    if validation.time is not None:
        return _by_time(dataset, rows, n_folds, validation)
    strata = _strata(dataset, task, rows)
    rng = np.random.default_rng(seed)
    if validation.group is not None:
        return _by_group(dataset, rows, strata, n_folds, validation, rng)
    _, group, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    whole = sizes[group]
    in_test = _draw(strata, whole, TEST_SHARE, 2, rng)
    train, test = rows[~in_test], rows[in_test]
    inner = strata[~in_test]
    if n_folds == 1:
        held = _draw(inner, whole[~in_test], HOLDOUT_SHARE, 1, rng)
        return Splits(train, test, ((train[~held], train[held]),), validation)
    repeats = REPEATS if len(train) <= TINY_ROWS else 1
    divisions = [_fold_numbers(inner, n_folds, rng) for _ in range(repeats)]
    folds = tuple((train[n != fold], train[n == fold]) for n in divisions for fold in range(n_folds))
    return Splits(train, test, folds, validation, repeats)


def _by_group(
    dataset: Dataset,
    rows: np.ndarray,
    strata: np.ndarray,
    n_folds: int,
    validation: ValidationSpec,
    rng: np.random.Generator,
) -> Splits:
    name = find_column(dataset, str(validation.group))
    groups = group_numbers(dataset.frame[name].iloc[rows])
    n_groups, least = len(np.unique(groups)), max(2, n_folds)
    in_test = draw_groups(groups, strata, TEST_SHARE, rng) if n_groups > least else np.ones(len(rows), bool)
    train, inner, classes = rows[~in_test], groups[~in_test], strata[~in_test]
    if len(np.unique(inner)) < least:
        raise TaskError(
            f"The column '{name}' has {n_groups} groups, too few for {n_folds} fold(s) and a test.",
            hint=f"At least {least + 1} are needed, and more are better; name another group column, or none.",
        )
    if n_folds == 1:
        held = draw_groups(inner, classes, HOLDOUT_SHARE, rng)
        return Splits(train, rows[in_test], ((train[~held], train[held]),), validation)
    numbers = group_folds(inner, classes, n_folds, rng)
    folds = tuple((train[numbers != fold], train[numbers == fold]) for fold in range(n_folds))
    return Splits(train, rows[in_test], folds, validation)


def _by_time(dataset: Dataset, rows: np.ndarray, n_folds: int, validation: ValidationSpec) -> Splits:
    name = find_column(dataset, str(validation.time))
    times = in_time(dataset.frame[name].iloc[rows], name)
    order = np.argsort(times, kind="stable")
    rows, times = rows[order], times[order]
    place = cut(times, max(1, round(TEST_SHARE * len(rows))), name)
    train, test, times = rows[:place], rows[place:], times[:place]
    ends = len(train)
    n_held = max(1, round(HOLDOUT_SHARE * ends) if n_folds == 1 else ends // (n_folds + 1))
    folds = []
    for _ in range(n_folds):  # the latest first: it is fitted on the most rows
        begins = cut(times[:ends], n_held, name)
        folds.append((np.sort(train[:begins]), np.sort(train[begins:ends])))
        ends = begins
    return Splits(np.sort(train), np.sort(test), tuple(folds), validation)


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
    """A group number for every row: its class, its rarest label, or its quantile. int64 [n].

    Of several targets the first with classes counts, or else the first.
    """
    if task.parts:
        task = next((part for part in task.parts if part.kind == "classification"), task.parts[0])
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
