"""Row statistics that the metrics are built from: sum them over rows, weighted or not, and a formula gives the value.

Writing a metric as (statistics per row, formula on their sums) lets one definition serve both the point value and
thousands of bootstrap resamples, which are then a single matrix product. All arrays are float64.
"""

from __future__ import annotations

import numpy as np


def one_hot(classes: np.ndarray, n_classes: int) -> np.ndarray:
    """Class numbers int [n] -> float64 [n, n_classes]."""
    table = np.zeros((len(classes), n_classes))
    table[np.arange(len(classes)), classes] = 1.0
    return table


def hits(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """[1, correct] per row; for a 0/1 matrix a row is correct when every label is."""
    if truth.ndim == 2:
        right = np.all((predictions >= 0.5) == (truth >= 0.5), axis=1)
    else:
        right = predictions.argmax(axis=1) == truth
    return np.stack([np.ones(len(truth)), right.astype(float)], axis=1)


def memberships(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """[hit, true, predicted] for each of k classes or labels -> [n, 3 k]."""
    if truth.ndim == 2:
        actual, said = (truth >= 0.5).astype(float), (predictions >= 0.5).astype(float)
    else:
        n_classes = predictions.shape[1]
        actual, said = one_hot(truth.astype(int), n_classes), one_hot(predictions.argmax(axis=1), n_classes)
    return np.concatenate([actual * said, actual, said], axis=1)


def surprise(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """[1, negative log-likelihood in nats] per row; for a 0/1 matrix the mean over its labels.

    Probabilities are kept away from 0 and 1 by the precision of their own type, as scikit-learn does.
    """
    precision = np.finfo(predictions.dtype if predictions.dtype.kind == "f" else np.float64).eps
    sure = np.clip(predictions.astype(np.float64), precision, 1 - precision)
    if truth.ndim == 2:
        loss = -(truth * np.log(sure) + (1 - truth) * np.log(1 - sure)).mean(axis=1)
    else:
        loss = -np.log(sure[np.arange(len(truth)), truth.astype(int)])
    return np.stack([np.ones(len(truth)), loss], axis=1)


def residuals(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """[1, y, y^2, e^2, |e|] per row, y shifted by its mean so that the sums keep their digits."""
    values = truth.reshape(len(truth), -1).astype(np.float64)[:, 0]
    error = values - predictions.reshape(len(predictions), -1).astype(np.float64)[:, 0]
    centred = values - values.mean()
    return np.stack([np.ones(len(values)), centred, centred**2, error**2, np.abs(error)], axis=1)


def token_surprise(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """[tokens, negative log-likelihood in nats] per row of `truth` int [n, length]; id 0 (padding) is left out.

    `predictions` are probabilities over the vocabulary, [n, length, vocab].
    """
    real = truth > 0
    sure = np.take_along_axis(predictions, truth[..., None].astype(int), axis=-1)[..., 0].astype(np.float64)
    loss = -np.log(np.maximum(sure, np.finfo(np.float32).tiny)) * real
    return np.stack([real.sum(axis=1).astype(float), loss.sum(axis=1)], axis=1)
