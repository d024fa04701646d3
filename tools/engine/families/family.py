"""The contract of a model family: one file in `families/` that implements it is in the search and under test."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

from tools.core.records import Modality
from tools.core.registry import Registry
from tools.engine.data.dataset import DataSpec, Encoded
from tools.engine.training.learner import FitContext, Learner

Params = dict[str, Any]


class Suggest(Protocol):
    """The part of `optuna.Trial` that a search space needs; names are local to the family."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number in [low, high]."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False, step: int = 1) -> int:
        """A whole number in [low, high]."""

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """One of the choices."""


class Family(ABC):
    """One kind of model with its joint space of structure and training settings.

    Attributes:
        name: Registered name, equal to the file's name.
        title: For people, for instance "Multi-layer perceptron".
        modality: The data it takes.
        kinds: Task kinds it can do.
        structure: Names of the parameters that make the architecture (the rest are training settings).
        source: Paper or code the design follows, with section.
        turn: When its defaults are tried among the families': small first. What is quick comes before what may win
            later, so that a model exists within a second, and what is strong on most data before what seldom is.
    """

    name: str
    title: ClassVar[str]
    modality: ClassVar[Modality]
    kinds: ClassVar[frozenset[str]]
    structure: ClassVar[frozenset[str]]
    source: ClassVar[str]
    turn: ClassVar[int] = 50

    @abstractmethod
    def suggest(self, trial: Suggest, spec: DataSpec) -> Params:
        """Draw one configuration; conditional parameters are drawn only where they apply."""

    @abstractmethod
    def defaults(self, spec: DataSpec) -> list[Params]:
        """Configurations known to work well, best first; each must lie inside the space of `suggest`."""

    @abstractmethod
    def learner(
        self, params: Params, spec: DataSpec, train: Encoded | None, validation: Encoded | None, context: FitContext
    ) -> Learner:
        """A learner ready to train. With `train` None: untrained, of full size, to be measured only."""

    def least_bytes(self, spec: DataSpec) -> int:
        """What every exported file of this family takes at least, known without building one."""
        return 0

    def fits(self, spec: DataSpec) -> bool:
        """Whether this family can take this data."""
        return spec.modality == self.modality and spec.task.kind in self.kinds


FAMILIES: Registry[Family] = Registry("family", "tools.engine.families")
