"""The contract of a language model backend: one file here that implements it is registered and tested."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from tools.core.registry import Registry

if TYPE_CHECKING:
    import dspy


class Backend(ABC):
    """One way to reach a language model.

    Attributes:
        name: The name in the registry.
        title: One line for people.
        specific: True when `accepts` names its models exactly; such backends are asked before the general ones.
    """

    name: str
    title: ClassVar[str]
    specific: ClassVar[bool] = False

    @abstractmethod
    def accepts(self, model: str) -> bool:
        """True when this backend serves the model string."""

    @abstractmethod
    def build(self, model: str) -> dspy.LM:
        """The model, without touching the network.

        Raises:
            TaskError: the string or its settings cannot be used.
        """

    @abstractmethod
    def status(self, model: str) -> dict[str, Any]:
        """Facts for `doctor`: {model, backend, ok, message, hint}; touches no network."""


BACKENDS: Registry[Backend] = Registry("language model backend", "agent.lm")
