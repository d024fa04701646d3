"""What a turn did: the calls it made, what it said, and what waits for a yes afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DESTRUCTIVE = frozenset({("ExperimentTracker", "delete"), ("JobControl", "cancel")})
"""Calls that need the user's yes."""


@dataclass
class Call:
    """One tool call of a turn.

    `resolved` holds what omitted arguments came to mean (`experiment`, `dataset`), where the result tells.
    """

    name: str
    args: dict[str, Any]
    ok: bool = True
    resolved: dict[str, Any] = field(default_factory=dict)

    @property
    def destructive(self) -> bool:
        """Whether it needs the user's yes."""
        return (self.name, self.args.get("action")) in DESTRUCTIVE

    @property
    def aims(self) -> bool:
        """Whether it is destructive and names what it is to destroy."""
        return self.destructive and (self.args.get("experiments") or self.args.get("job")) not in (None, [])

    def value(self, name: str) -> Any:
        """An argument, or what it came to mean when it was left out."""
        given = self.args.get(name)
        return self.resolved.get(name) if given is None else given

    def __str__(self) -> str:
        args = ", ".join(f"{name}={value!r}" for name, value in self.args.items())
        return f"{self.name}({args}){'' if self.ok else ' failed'}"


@dataclass
class Waiting:
    """A destructive call that waits for the user's yes."""

    tool: str
    args: dict[str, Any]

    def allows(self, call: Call) -> bool:
        """Whether a yes to this question covers the call."""
        return self.tool == call.name and self.args == call.args


@dataclass
class Outcome:
    """What a turn did; `infrastructure` tells of a fault that is not the agent's.

    `asked` is what waited for a yes before the turn, `waiting` what waits after it. `notices` are said beside the
    answer. Times are seconds.
    """

    calls: list[Call] = field(default_factory=list)
    answer: str = ""
    options: tuple[str, ...] = ()
    notices: list[str] = field(default_factory=list)
    asked: Waiting | None = None
    waiting: Waiting | None = None
    seconds: float = 0.0
    tool_seconds: float = 0.0
    tokens: int = 0
    lm_calls: int = 0
    infrastructure: str = ""

    @property
    def said(self) -> str:
        """All the user could read."""
        return "\n".join([*self.notices, self.answer, *self.options])
