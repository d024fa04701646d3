"""Proof that the exported file gives the trained model's predictions, on rows no model was trained on.

Tolerances. Both sides compute in float32, but in another order and with other kernels: differences of 1e-7 to 1e-6 are
usual, 1e-4 is the limit. On a GPU, cuDNN convolutions round their inputs to TF32 (10 bits of mantissa), so a model that
predicts there is compared with a limit of 5e-3. Probabilities are compared as they are; values of a regression in
standard deviations of the target, where the rounding of float32 itself (a large mean, a small spread) is allowed for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tools.core.errors import OptimizationError
from tools.engine.export.decode import needed_output, predictions_of
from tools.engine.export.runtime import n_rows, open_session, repeat_to, run_session

if TYPE_CHECKING:
    from tools.engine.export.runtime import Model

BATCHES = (1, 7, 256)
"""One row, an odd handful, and the largest chunk that is ever run at once."""
TOLERANCE_CPU = 1e-4
TOLERANCE_GPU = 5e-3


def check_parity(
    model: Model,
    kind: str,
    feed: dict[str, np.ndarray],
    expected: np.ndarray,
    *,
    scale: float | np.ndarray = 1.0,
    tolerance: float = TOLERANCE_CPU,
) -> dict[str, float]:
    """Compare the file's predictions with the trained model's.

    Args:
        model: The whole graph.
        kind: Kind of the task.
        feed: Raw inputs of held-out rows; they are repeated where there are fewer than a batch takes.
        expected: Decoded predictions of the trained model for the same rows.
        scale: Unit of the differences: the target's standard deviation for a regression; one for each column.
        tolerance: Largest difference allowed.

    Returns:
        Batch size -> largest absolute difference.

    Raises:
        OptimizationError: a difference is larger than allowed, or the label does not follow from the probabilities.
    """
    session = open_session(model)
    found: dict[str, float] = {}
    rounding = float(np.finfo(np.float32).eps) * float((np.abs(expected) / scale).max(initial=0.0))
    for batch in BATCHES:
        outputs = run_session(session, repeat_to(feed, batch))
        predictions = predictions_of(kind, outputs)
        wanted = expected[np.arange(batch) % max(1, n_rows(feed))]
        if predictions.shape != wanted.shape:
            raise OptimizationError(
                f"The exported model's '{needed_output(kind)}' has the shape {predictions.shape} for {batch} rows; "
                f"the trained model's has {wanted.shape}.",
                hint="This is a fault of the export, not of your data; please report it.",
            )
        difference = float((np.abs(predictions.astype(np.float64) - wanted) / scale).max(initial=0.0))
        if not difference <= tolerance + 4 * rounding:  # written so that NaN fails as well
            raise OptimizationError(
                f"The exported model does not give the trained model's predictions: for {batch} rows they differ by "
                f"{difference:.2g} (allowed: {tolerance:.0e}).",
                details={"batch": batch, "difference": difference, "tolerance": tolerance},
                hint="Run the experiment again, or leave this model family out.",
            )
        found[str(batch)] = difference
    return found
