"""A linear model on TF-IDF of words and pairs of words: the baseline that short training rarely beats."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.learner import FitContext
from tools.engine.training.network import Network
from tools.engine.training.sparse_convex import SparseConvexLearner
from tools.engine.training.tfidf import TfIdf, tfidf_statistics

_ITERATIONS = 200


class TextLinearNetwork(Network):
    """One weight per word, pair and output; a text's score is the weighted sum over its places."""

    input_names = ("tokens",)
    chunk_rows = 32

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.tfidf = TfIdf(fitted, spec.vocab_size, params["sublinear"])
        self.weights = nn.Parameter(torch.zeros(self.tfidf.n_features, spec.task.n_outputs))
        self.bias = nn.Parameter(torch.zeros(spec.task.n_outputs))

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tokens int64 [n, length] -> features int32 and their weights float32, both [n, places]."""
        features, values = self.tfidf(inputs[0])
        return features, values

    def body(self, *prepared: Tensor) -> Tensor:
        """(features, values) -> [n, n_outputs]."""
        features, values = prepared
        rows = nn.functional.embedding(features, self.weights)
        return (rows * values.unsqueeze(2)).sum(dim=1) + self.bias


@FAMILIES.register
class TextLinear(Family):
    """Multinomial logistic (or ridge) regression on TF-IDF; one logistic regression per label for several labels."""

    name = "text_linear"
    title: ClassVar[str] = "Linear model on TF-IDF"
    modality: ClassVar[Modality] = "text"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression"})
    structure: ClassVar[frozenset[str]] = frozenset({"pair_features", "slots"})
    source: ClassVar[str] = (
        "Manning et al. (2008), 'Introduction to Information Retrieval', sections 6.2-6.4; "
        "Weinberger et al. (2009), 'Feature Hashing', section 2"
    )
    turn: ClassVar[int] = 10

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Pairs and their table, how counts weigh, rare features, strength of the penalty."""
        params: Params = {"pair_features": trial.suggest_categorical("pair_features", [True, False])}
        if params["pair_features"]:
            params["slots"] = trial.suggest_categorical("slots", [4096, 16384, 65536, 262144])
        params["sublinear"] = trial.suggest_categorical("sublinear", [True, False])
        params["min_count"] = trial.suggest_int("min_count", 1, 3)
        params["strength"] = trial.suggest_float("strength", 1e-3, 10.0, log=True)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """With pairs, where the table is as large as the data can fill; words alone."""
        base: Params = {
            "pair_features": True,
            "slots": 16384 if spec.n_train * max(1, spec.sequence_length) < 50_000 else 65536,
            "sublinear": True,
            "min_count": 1,
            "strength": 0.2,
        }
        single = {name: value for name, value in base.items() if name != "slots"} | {"pair_features": False}
        return [base, single | {"strength": 0.3}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> SparseConvexLearner:
        """A learner for these parameters."""
        tokens = train.inputs["tokens"] if train is not None else None
        fitted = tfidf_statistics(tokens, spec.vocab_size, int(params.get("slots", 0)), params["min_count"])
        # The loss of several labels is their mean; the penalty is meant for their sum.
        strength = params["strength"] / (spec.task.n_outputs if spec.task.multilabel else 1)
        return SparseConvexLearner(
            lambda statistics: TextLinearNetwork(params, spec, statistics),
            fitted, "l2", strength, _ITERATIONS, spec, train, validation, context,
        )  # fmt: skip
