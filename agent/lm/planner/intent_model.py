"""The intent model: multinomial logistic regression over hashed n-grams, its weights kept in 8 bits each."""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.lm.planner.features import SIZE, features

PATH = Path(__file__).with_name("intent_model.json")


class IntentModel:
    """Probabilities of intents for a masked text; numpy only, under a millisecond.

    Args:
        names: The intents.
        weights: (n_features, n_intents).
        bias: (n_intents,).
    """

    def __init__(self, names: tuple[str, ...], weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        self.names = names
        self._weights = weights
        self._bias = bias

    def probabilities(self, text: str) -> dict[str, float]:
        """Intent -> probability; they sum to 1."""
        buckets, values = features(text)
        scores = values @ self._weights[buckets] + self._bias if len(buckets) else self._bias
        shifted = np.exp(scores - scores.max())
        return dict(zip(self.names, (shifted / shifted.sum()).tolist(), strict=True))

    def save(self, path: Path = PATH) -> None:
        """Write the weights, one scale per intent."""
        scale = np.abs(self._weights).max(axis=0) / 127
        small = np.round(self._weights / scale).astype(np.int8)
        content = {
            "names": list(self.names),
            "bias": [round(float(value), 5) for value in self._bias],
            "scale": [float(f"{value:.6g}") for value in scale],
            "weights": base64.b64encode(small.tobytes()).decode(),
        }
        path.write_text(json.dumps(content) + "\n", encoding="utf-8")


@functools.cache
def intent_model() -> IntentModel:
    """The trained model."""
    content = json.loads(PATH.read_text(encoding="utf-8"))
    names = tuple(content["names"])
    small = np.frombuffer(base64.b64decode(content["weights"]), np.int8).reshape(SIZE, len(names))
    weights = small.astype(np.float32) * np.asarray(content["scale"], np.float32)
    return IntentModel(names, weights, np.asarray(content["bias"], np.float32))
