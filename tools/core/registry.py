"""One file adds one thing: a registry fills itself from the modules of a package."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from tools.core.errors import TaskError


class Named(Protocol):
    """Anything with a registered name."""

    @property
    def name(self) -> str:
        """What it is registered as."""


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Named things of one kind, found by importing every module of a package once.

    A module adds its thing by decorating the class with `@REGISTRY.register`; the class is instantiated
    without arguments. Modules whose name starts with an underscore are skipped.

    Args:
        kind: What the things are called in messages, for instance "family".
        package: The package whose modules are imported on first use.
    """

    def __init__(self, kind: str, package: str) -> None:
        self._kind = kind
        self._package = package
        self._things: dict[str, T] = {}
        self._loaded = False
        self._loading = threading.RLock()

    def register(self, cls: type[T]) -> type[T]:
        """Add one thing; its name must be new."""
        thing = cls()
        if thing.name in self._things and type(self._things[thing.name]) is not cls:
            raise ValueError(f"Two things of kind {self._kind} are called '{thing.name}'.")
        self._things[thing.name] = thing
        return cls

    def get(self, name: str) -> T:
        """Return the thing called `name`.

        Raises:
            TaskError: there is none; the message lists the names there are.
        """
        self._load()
        if name not in self._things:
            raise TaskError(
                f"There is no {self._kind} called '{name}'.",
                hint=f"Choose one of: {', '.join(sorted(self._things))}.",
            )
        return self._things[name]

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._load()
        return sorted(self._things)

    def __iter__(self) -> Iterator[T]:
        self._load()
        return iter([self._things[name] for name in sorted(self._things)])

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._things

    def _load(self) -> None:
        if self._loaded:
            return
        with self._loading:  # another thread that asks meanwhile must not see half of the things
            package = importlib.import_module(self._package)
            for module in pkgutil.iter_modules(package.__path__):
                if not module.name.startswith("_"):
                    importlib.import_module(f"{self._package}.{module.name}")
            self._loaded = True
