"""Every error a user may see. One tree:

    AutoMLError                 type          raised when
    ├── TaskError               task          the request or the data cannot be used as it is
    ├── ResourceError           resource      time, memory, disk, device or another limit stands in the way
    ├── OptimizationError       optimization  the search ended without a model it may deliver
    └── ExperimentError         experiment    history, jobs or bundles: not found, busy, damaged

Each says what was wrong, where, and what to do next. `str(error)` is safe to show to a user or a language
model: it holds no traceback and no secret. Infeasible and pruned trials are states of a trial, not errors.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

ErrorType = Literal["task", "resource", "optimization", "experiment"]


class AutoMLError(Exception):
    """Something the user can understand and act on.

    Args:
        message: One plain sentence: what was wrong, and where.
        type: Which part of the work failed.
        details: Facts for a program (paths, limits, measured values); JSON values only.
        hint: One plain sentence: what to do next.
    """

    default_type: ClassVar[ErrorType] = "task"

    def __init__(
        self,
        message: str,
        type: ErrorType | None = None,
        details: dict[str, Any] | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.type: ErrorType = type or self.default_type
        self.details = details or {}
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def as_dict(self) -> dict[str, str]:
        """The form that the command line, the store and tool observations use."""
        return {"type": self.type, "message": self.message, "hint": self.hint}


class TaskError(AutoMLError):
    """The request or the data cannot be used as it is."""

    default_type = "task"


class ResourceError(AutoMLError):
    """A limit, or a lack of time, memory, disk or device, stands in the way."""

    default_type = "resource"


class OptimizationError(AutoMLError):
    """The search ended without a model it may deliver."""

    default_type = "optimization"


class ExperimentError(AutoMLError):
    """History, jobs or bundles: not found, busy or damaged."""

    default_type = "experiment"


_BY_TYPE: dict[str, type[AutoMLError]] = {
    kind.default_type: kind for kind in (TaskError, ResourceError, OptimizationError, ExperimentError)
}


def from_dict(data: dict[str, Any]) -> AutoMLError:
    """Rebuild the error that `AutoMLError.as_dict` described (for instance one kept in the history)."""
    kind = _BY_TYPE.get(str(data.get("type")), AutoMLError)
    return kind(str(data.get("message", "Something went wrong.")), hint=str(data.get("hint", "")))
