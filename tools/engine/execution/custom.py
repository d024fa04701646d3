"""A model of the user's own: a Python file with a small contract becomes a family of the search.

The file defines `build(params, shape)`, which returns a `torch.nn.Module`; everything else is optional:

    TITLE = "Gated network"                        # for people; default: the file's name
    STRUCTURE = {"width"}                          # parameters that decide size and latency; default: all of `space`

    def space(trial, shape):                       # what is searched; default: nothing
        return {"width": trial.suggest_int("width", 16, 256, log=True)}

    def defaults(shape):                           # tried first; default: the middle of the space
        return [{"width": 64}]

    def build(params, shape):                      # forward(*inputs) -> scores [n, shape.n_outputs]
        return torch.nn.Sequential(torch.nn.Linear(shape.n_features, params["width"]), torch.nn.ReLU(),
                                   torch.nn.Linear(params["width"], shape.n_outputs))

    def loss(scores, target):                      # default: the task's own
        return torch.nn.functional.cross_entropy(scores, target)

`forward` takes, already on the device: for a table one float tensor [n, n_features] (numbers scaled, missing ones
marked, categories one-hot); for images floats [n, channels, height, width] of mean 0 and spread 1; for text word ids
int64 [n, length], 0 where there is none. It returns logits for classes, standardised values for regression. The
training settings lr, batch_size, epochs and weight_decay are searched as well where `space` does not name them.

The file runs with all rights of its user. So only a job's own processes load it, never the server, and only where the
operator has set AUTOML_ALLOW_CUSTOM=1.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from torch import Tensor, nn

from tools.core.custom import SUFFIX, check_allowed
from tools.core.errors import TaskError
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.families.family import FAMILIES, Family, Params, Suggest
from tools.engine.training.dropout import Dropout
from tools.engine.training.learner import FitContext
from tools.engine.training.loop import TorchLearner
from tools.engine.training.network import Network
from tools.engine.training.preprocessing import PixelInput, TabularInput
from tools.engine.training.recipe import Recipe, epochs_for
from tools.engine.training.statistics import pixel_statistics, tabular_statistics

_ALL_ONE_HOT = 255
"""No encoder gives a column more values, so every category is one-hot and a model needs one input alone."""


@dataclass(frozen=True)
class Shape:
    """What a custom model is built for.

    Attributes:
        kind: classification or regression.
        n_outputs: Scores per row: classes, labels, or 1.
        n_train: Training rows.
        n_features: Width of a table's row.
        image_shape: (channels, height, width); (0, 0, 0) for other data.
        vocab_size: Word ids, 0 included.
        sequence_length: Longest text in training.
    """

    kind: str
    n_outputs: int
    n_train: int
    n_features: int = 0
    image_shape: tuple[int, int, int] = (0, 0, 0)
    vocab_size: int = 0
    sequence_length: int = 0


class _CustomNetwork(Network):
    """The user's module behind the project's preprocessing."""

    def __init__(self, module: ModuleType, params: Params, spec: DataSpec, fitted: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.table = self.pixels = None
        if spec.modality == "tabular":
            self.input_names = TabularInput.names(spec)
            self.table = TabularInput(spec, fitted, smooth_clip=True, max_one_hot=_ALL_ONE_HOT, n_bins=0)
        elif spec.modality == "image":
            self.input_names = ("pixels",)
            self.chunk_rows = 256
            self.pixels = PixelInput(fitted)
        else:
            self.input_names = ("tokens",)
        width = self.table.n_features if self.table is not None else 0
        self.inner = _with_our_dropout(_called(module, "build", params, shape_of(spec, width)))

    def prepare(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Encoded inputs -> the one tensor the user's module takes."""
        if self.table is not None:
            prepared: tuple[Tensor, ...] = self.table(*inputs)
            return prepared[:1]
        return (self.pixels(inputs[0]),) if self.pixels is not None else inputs

    def body(self, *prepared: Tensor) -> Tensor:
        """[n, ...] -> [n, n_outputs]."""
        scores: Tensor = self.inner(*prepared)
        return scores


class CustomFamily(Family):
    """The family a file makes; see the module for the file's contract."""

    kinds = frozenset({"classification", "regression"})
    turn = 0

    def __init__(self, module: ModuleType, name: str) -> None:
        self._module = module
        self.name = name
        self.title = str(getattr(module, "TITLE", name))  # type: ignore[misc]
        self.source = str(module.__file__)  # type: ignore[misc]
        named = getattr(module, "STRUCTURE", None)
        self.structure = _Everything() if named is None else frozenset(named)  # type: ignore[misc]

    def fits(self, spec: DataSpec) -> bool:
        """Whatever is predicted from; the file's own `build` may still refuse."""
        return spec.task.kind in self.kinds and spec.modality in ("tabular", "image", "text")

    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """The file's space and, where it does not name them, the training settings."""
        own: Params = dict(_called(self._module, "space", trial, shape_of(spec)) if self._has("space") else {})
        rest: Params = {}
        if "lr" not in own:
            rest["lr"] = trial.suggest_float("lr", 3e-4, 2e-2, log=True)
        if "batch_size" not in own:
            rest["batch_size"] = trial.suggest_categorical("batch_size", [32, 64, 128, 256])
        if "weight_decay" not in own:
            rest["weight_decay"] = trial.suggest_float("weight_decay", 1e-4, 0.5, log=True)
        return own | rest

    def defaults(self, spec: DataSpec) -> list[Params]:
        """The file's, completed by the search; without any, the middle of the space."""
        if not self._has("defaults"):
            return [{"lr": 3e-3, "batch_size": 64, "weight_decay": 0.02}]
        base = {"lr": 3e-3, "batch_size": 64, "weight_decay": 0.02}
        return [base | dict(params) for params in _called(self._module, "defaults", shape_of(spec))]

    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> TorchLearner:
        """A learner for these parameters."""
        if spec.modality == "tabular":
            num = train.inputs.get("num") if train is not None else None
            fitted = tabular_statistics(num, spec.n_numeric, "robust", 0)
        elif spec.modality == "image":
            fitted = pixel_statistics(train.inputs["pixels"] if train is not None else None, spec.image_shape[0])
        else:
            fitted = {}
        batch_size = int(params["batch_size"])
        recipe = Recipe(
            lr=float(params["lr"]),
            batch_size=batch_size,
            epochs=int(params.get("epochs", epochs_for(spec.n_train, batch_size, steps=2000, least=10, most=120))),
            weight_decay=float(params["weight_decay"]),
            patience=20,
        )
        own = self._module.loss if self._has("loss") else None
        return _CustomLearner(
            own,
            lambda statistics: _CustomNetwork(self._module, params, spec, statistics),
            fitted, recipe, spec, train, validation, context,
        )  # fmt: skip

    def _has(self, name: str) -> bool:
        return callable(getattr(self._module, name, None))


class _CustomLearner(TorchLearner):
    """Trains with the file's own loss, where it has one."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor] | None, *rest: Any) -> None:
        super().__init__(*rest)
        if loss is not None:
            self._loss = loss


class _Everything(frozenset[str]):
    """A structure that every parameter belongs to: what a file's parameters change, it alone knows."""

    def __contains__(self, item: object) -> bool:
        return item not in ("lr", "batch_size", "weight_decay", "epochs")


def shape_of(spec: DataSpec, n_features: int | None = None) -> Shape:
    """What the file is told about the data; without `n_features` the width before marks of missing values."""
    columns = sum(size - 1 for size in spec.cardinalities)
    return Shape(
        kind=spec.task.kind,
        n_outputs=spec.task.n_outputs,
        n_train=spec.n_train,
        n_features=spec.n_numeric + columns if n_features is None else n_features,
        image_shape=spec.image_shape,
        vocab_size=spec.vocab_size,
        sequence_length=spec.sequence_length,
    )


def find_family(name: str, custom: Sequence[str] = ()) -> Family:
    """A registered family, or the one a file makes.

    Args:
        name: A registered name, or the name of one of the files without its ending.
        custom: Paths of such files.
    """
    for path in custom:
        if path.endswith(SUFFIX) and Path(path).stem == name:
            return load_family(path)
    return FAMILIES.get(name)


@functools.cache
def load_family(path: str) -> CustomFamily:
    """Run a file and make a family of it.

    Raises:
        TaskError: it may not be run here, cannot be run, or does not keep the contract.
    """
    check_allowed(path)
    name = Path(path).stem
    spec = importlib.util.spec_from_file_location(f"custom_model_{name}", path)
    if spec is None or spec.loader is None:
        raise TaskError(f"'{path}' is not a Python file.", hint="Give the path of a file that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises is theirs to see
        raise TaskError(
            f"'{Path(path).name}' cannot be run: {type(error).__name__}: {error}.", hint="Correct the file."
        ) from error
    if not callable(getattr(module, "build", None)):
        raise TaskError(
            f"'{Path(path).name}' has no function build(params, shape).",
            hint="It must return a torch.nn.Module; the README shows a complete file.",
        )
    return CustomFamily(module, name)


def _called(module: ModuleType, name: str, *arguments: Any) -> Any:
    try:
        return getattr(module, name)(*arguments)
    except MemoryError:
        raise
    except Exception as error:
        where = Path(str(module.__file__)).name
        raise TaskError(
            f"{name}() of '{where}' failed: {type(error).__name__}: {error}.", hint="Correct the file."
        ) from error


def _with_our_dropout(module: Any) -> nn.Module:
    """The module with torch's dropout replaced by the project's, whose masks the trial's seed owns.

    Raises:
        TaskError: it is no module.
    """
    if not isinstance(module, nn.Module):
        raise TaskError(
            f"build() returned a {type(module).__name__}.", hint="Return a torch.nn.Module whose forward gives scores."
        )
    for name, child in list(module.named_children()):
        setattr(module, name, Dropout(child.p) if type(child) is nn.Dropout else _with_our_dropout(child))
    return module
