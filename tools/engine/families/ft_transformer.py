"""FT-Transformer: attention among the columns of a row."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.blocks import output_layer
from tools.engine.training.column_tokens import ColumnBlock, ColumnTokens
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays
from tools.engine.training.preprocessing import TabularInput
from tools.engine.training.recipe import Recipe
from tools.engine.training.statistics import tabular_statistics
from tools.engine.training.work import affordable_epochs

_FIT_S = 5.0
_MOST_COLUMNS = 200
"""The work grows with the square of the columns; beyond this even one epoch takes too long."""


class FtNetwork(Network):
    """A vector per column, blocks of attention, the summary's vector to the output layer."""

    chunk_rows = 512

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.input_names = TabularInput.names(spec)
        width, blocks = params["heads"] * params["head_width"], params["blocks"]
        self.columns = ColumnTokens(spec, fitted, width)
        self.blocks = nn.Sequential(
            *(
                ColumnBlock(
                    width, params["heads"], params["expansion"], params["dropout"], block == 0, block == blocks - 1
                )
                for block in range(blocks)
            )
        )
        self.norm, self.head = nn.LayerNorm(width), output_layer(width, spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """(num[, cat]) -> ([flat, ][ids])."""
        return self.columns.prepare(*inputs)

    def body(self, *prepared: Tensor) -> Tensor:
        """([flat, ][ids]) -> [n, n_outputs]."""
        summary = self.blocks(self.columns(*prepared))[:, 0]
        scores: Tensor = self.head(self.norm(summary).relu())
        return scores


@FAMILIES.register
class FtTransformer(Family):
    """A small transformer that reads a row as a sequence of columns."""

    name = "ft_transformer"
    title: ClassVar[str] = "FT-Transformer"
    modality: ClassVar[Modality] = "tabular"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset({"blocks", "heads", "head_width", "expansion"})
    source: ClassVar[str] = "Gorishniy et al. (2021), 'Revisiting Deep Learning Models for Tabular Data', section 3.3"
    turn: ClassVar[int] = 70

    def fits(self, spec: DataSpec) -> bool:
        """Tables that are not too wide."""
        return super().fits(spec) and spec.n_numeric + len(spec.cardinalities) <= _MOST_COLUMNS

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Blocks, heads, width; learning rate, batch, regularisation."""
        params: Params = {
            "blocks": trial.suggest_int("blocks", 1, 3),
            "heads": trial.suggest_categorical("heads", [2, 4, 8]),
            "head_width": trial.suggest_categorical("head_width", [8, 16]),
            "expansion": trial.suggest_float("expansion", 0.66, 2.66),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "lr": trial.suggest_float("lr", 1e-4, 1e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.3, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
            "schedule": trial.suggest_categorical("schedule", ["cosine", "flat"]),
        }
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Two blocks, and one with a single block."""
        n = spec.n_train
        base: Params = {
            "blocks": 2,
            "heads": 4,
            "head_width": 8,
            "expansion": 1.33,
            "dropout": 0.1,
            "lr": 3e-3,
            "weight_decay": 0.01,
            "batch_size": 64 if n < 3000 else 128,
            "schedule": "cosine",
        }
        return [base, base | {"blocks": 1}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        num = train.inputs.get("num") if train is not None else None
        fitted = tabular_statistics(num, spec.n_numeric, "robust", 0)
        width, batch_size = params["heads"] * params["head_width"], params["batch_size"]
        tokens = 1 + spec.n_numeric + len(spec.cardinalities)
        full = tokens * (4 * width * width + round(3 * params["expansion"] * width * width) + 2 * tokens * width)
        macs = (params["blocks"] - 1) * full + 2 * tokens * width * width
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            # Norms, softmax and copies take twice as long as the products at these widths.
            epochs=affordable_epochs(_FIT_S, 3 * macs, spec.n_train, batch_size, least=8, most=80),
            weight_decay=params["weight_decay"],
            schedule=params["schedule"],
            patience=24 if spec.n_train < 2000 else 12,
            bf16=bf16_pays(context.device, width, batch_size * tokens),
        )
        return TorchLearner(
            lambda statistics: FtNetwork(params, spec, statistics), fitted, recipe, spec, train, validation, context
        )
