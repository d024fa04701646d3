"""Convolutional networks put together from cells: which cell, how many, how wide, on how large a picture."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from torch import Tensor, nn

from tools.core.records import Modality
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.augment import Augment
from tools.engine.training.blocks import output_layer
from tools.engine.training.cells import Cell, convolution
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.precision import bf16_pays_in_convolutions
from tools.engine.training.preprocessing import PixelInput
from tools.engine.training.recipe import Recipe, epochs_for
from tools.engine.training.statistics import pixel_statistics

_SIDES = (16, 24, 32, 48, 64, 96)


class CellNetwork(Network):
    """Resize, a first convolution, stages of cells (each stage after the first halves the picture), mean, linear."""

    input_names = ("pixels",)
    chunk_rows = 256

    def __init__(self, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        channels, height, width = spec.image_shape
        self.size = _size(height, width, params["resolution"])
        self.pixels = PixelInput(fitted)
        n, side = params["width"], min(self.size)
        parts: list[nn.Module] = [convolution(channels, n, 3), nn.ReLU()]
        for stage in range(params["stages"]):
            n_out = n if stage == 0 else min(2 * n, 512)
            for index in range(params["cells"]):
                shrinks = stage > 0 and index == 0 and side >= 4
                side = -(-side // 2) if shrinks else side
                parts.append(
                    Cell(
                        params["cell"], n if index == 0 else n_out, n_out, params["kernel"], 2 if shrinks else 1,
                        params.get("widening", 1), params["squeeze"],
                    )
                )  # fmt: skip
            n = n_out
        self.features = nn.Sequential(*parts)
        self.dropout = Dropout(params["dropout"])
        self.head = output_layer(n, spec.task.n_outputs)

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """uint8 pixels -> centred and scaled floats of the wanted size."""
        x = self.pixels(inputs[0])
        if tuple(x.shape[2:]) != self.size:
            x = nn.functional.interpolate(x, size=self.size, mode="bilinear", align_corners=False)
        return (x,)

    def body(self, *prepared: Tensor) -> Tensor:
        """[n, channels, h, w] -> [n, n_outputs]."""
        scores: Tensor = self.head(self.dropout(self.features(prepared[0]).mean(dim=(2, 3))))
        return scores


@FAMILIES.register
class CnnCells(Family):
    """Residual, inverted or ConvNeXt cells; resolution and augmentation are part of the search."""

    name = "cnn_cells"
    title: ClassVar[str] = "Cell-based convolutional network"
    modality: ClassVar[Modality] = "image"
    kinds: ClassVar[frozenset[str]] = frozenset({"classification", "regression", "multitask"})
    structure: ClassVar[frozenset[str]] = frozenset(
        {"resolution", "cell", "widening", "squeeze", "width", "stages", "cells", "kernel"}
    )
    source: ClassVar[str] = (
        "Zoph et al. (2018), 'Learning Transferable Architectures', section 3; cells: He et al. (2016), Sandler et al. "
        "(2018), Liu et al. (2022)"
    )
    turn: ClassVar[int] = 30

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Cell, sizes, resolution; learning rate, batch, regularisation, augmentation."""
        sides = _sides(spec)
        params: Params = {"cell": trial.suggest_categorical("cell", ["residual", "inverted", "convnext"])}
        if params["cell"] != "residual":
            params["widening"] = trial.suggest_categorical("widening", [2, 3, 4])
        params |= {
            "squeeze": trial.suggest_categorical("squeeze", [False, True]),
            "width": trial.suggest_categorical("width", [8, 16, 24, 32, 48]),
            "stages": trial.suggest_int("stages", 1, 2 if min(sides) < 16 else 4),
            "cells": trial.suggest_int("cells", 1, 3),
            "kernel": trial.suggest_categorical("kernel", [3, 5]),
            "resolution": trial.suggest_categorical("resolution", sides),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "lr": trial.suggest_float("lr", 5e-4, 2e-2, log=True),
            "weight_decay": trial.suggest_float("weight_decay", 1e-4, 0.5, log=True),
            "batch_size": trial.suggest_categorical("batch_size", [32, 64, 128, 256]),
            "shift": trial.suggest_int("shift", 0, 3),
            "flip": trial.suggest_categorical("flip", [False, True]),
        }
        if spec.task.kind == "classification":
            params["label_smoothing"] = trial.suggest_float("label_smoothing", 0.0, 0.2)
        return params

    def defaults(self, spec: DataSpec) -> list[Params]:
        """Residual cells; ConvNeXt cells, which need a quarter of the weights; small pictures are read as they are."""
        sides = _sides(spec)
        small = min(spec.image_shape[1:]) < 16
        base: Params = {
            "cell": "residual",
            "squeeze": False,
            "width": 24 if small else 16,
            "stages": 2 if small else 3,
            "cells": 1,
            "kernel": 3,
            "resolution": max(side for side in sides if side <= 64 or side == min(sides)),
            "dropout": 0.1,
            "lr": 5e-3,
            "weight_decay": 0.05,
            "batch_size": 64 if spec.n_train < 20000 else 128,
            "shift": 0 if small else 1,  # of 8 pixels one is too many: measured on digits
            "flip": False,
        }
        if spec.task.kind == "classification":
            base["label_smoothing"] = 0.05
        return [base, base | {"cell": "convnext", "widening": 3}]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        fitted = pixel_statistics(train.inputs["pixels"] if train is not None else None, spec.image_shape[0])
        batch_size = params["batch_size"]
        height, width = _size(*spec.image_shape[1:], params["resolution"])
        # Four times the positions cost four times the step: large pictures get fewer steps, down to a third.
        steps = round(800 * min(1.0, max(1 / 3, 28 * 28 / (height * width))))
        recipe = Recipe(
            lr=params["lr"],
            batch_size=batch_size,
            epochs=epochs_for(spec.n_train, batch_size, steps=steps, least=4, most=40),
            weight_decay=params["weight_decay"],
            warmup=0.1,
            patience=15,
            label_smoothing=params.get("label_smoothing", 0.0),
            augment=Augment(params["shift"], params["flip"]) if params["shift"] or params["flip"] else None,
            bf16=params["cell"] == "residual"
            and bf16_pays_in_convolutions(context.device, params["width"], height * width * batch_size),
            channels_last=True,
        )
        return TorchLearner(
            lambda statistics: CellNetwork(params, spec, statistics), fitted, recipe, spec, train, validation, context
        )


def _sides(spec: DataSpec) -> list[int]:
    """Resolutions worth trying: the pictures' own shorter side, and smaller ones down to half of it."""
    own = min(96, *spec.image_shape[1:])
    return [*(side for side in _SIDES if own / 2 <= side < own), own]


def _size(height: int, width: int, resolution: int) -> tuple[int, int]:
    """Height and width with the shorter side at `resolution`; the aspect is kept up to 2 : 1."""
    zoom = resolution / min(height, width)
    most = 2 * resolution
    return min(most, round(height * zoom)), min(most, round(width * zoom))
