"""The format of a conversation suite: YAML files, each a list of conversations with what must happen."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from tools.core.errors import TaskError
from tools.core.frozen import Frozen, explain

Setup = Literal[
    "none", "one_experiment", "three_experiments", "three_experiments_one_failed", "running_job", "interrupted_job"
]


Happening = Literal["job_progresses", "job_finishes", "job_fails", "restart"]
Behaviour = Literal["fails", "goes_on"]


class Step(Frozen):
    """One call of an `in_order` expectation: a tool, and a subset of its arguments."""

    tool: str
    args: dict[str, Any] = Field(default_factory=dict)


class Expect(Frozen):
    """What one turn must do.

    Attributes:
        tool: A tool that must be called; `any_of`: one of these.
        in_order: Calls in this order, each a tool's name or `{tool, args}`.
        no_tool: No tool may be called, and the message must have been understood (see `understood`).
        args: A subset of the arguments of the tool named by `tool` (else of any tool called).
        asks_for: What the agent must ask for instead of acting.
        refuses: The agent must say that it does not do this.
        never: `Tool` or `Tool:action` that must not happen in this turn.
        says: Facts that must appear in what is said; numbers count within 1 % and as percentages.
        not_says: Facts that must not appear.
        understood: False where the agent may say that it did not understand; by default it may not wherever facts, a
            question, a refusal or an answer without a tool is expected.
        store: Checks on the state after the turn: `experiments` (how many), `exists` and `missing` (ids), `tags`
            (id -> tags it must carry), `notes` (id -> words a note must hold), `jobs` (id -> status).
    """

    tool: str | None = None
    any_of: tuple[str, ...] = ()
    in_order: tuple[Step, ...] = ()
    no_tool: bool = False
    args: dict[str, Any] = Field(default_factory=dict)
    asks_for: Literal["data", "target", "confirmation", "choice"] | None = None
    refuses: bool = False
    never: tuple[str, ...] = ()
    says: tuple[str | float, ...] = ()
    not_says: tuple[str | float, ...] = ()
    understood: bool | None = None
    store: dict[str, Any] = Field(default_factory=dict)

    @field_validator("in_order", mode="before")
    @classmethod
    def _steps(cls, value: Any) -> Any:
        return [{"tool": item} if isinstance(item, str) else item for item in value or ()]

    @model_validator(mode="after")
    def _says_something(self) -> Expect:
        if not any(value is not None for value in self.model_dump(exclude_defaults=True).values()):
            raise ValueError("an expectation must expect something")
        return self

    @property
    def needs_understanding(self) -> bool:
        """Whether an answer without a tool must show that the message was understood."""
        if self.understood is not None:
            return self.understood
        return bool(self.no_tool or self.says or self.asks_for or self.refuses)

    @property
    def wants_tool(self) -> bool:
        """Whether a tool is expected."""
        return bool(self.tool or self.any_of or self.in_order)


class Turn(Frozen):
    """What the user says, and what must come of it.

    `meanwhile` happens before the user speaks: the running job moves on, ends or fails, or the program restarts.
    `tools` says how a tool behaves in this turn, in plan mode only: it `fails`, or its job `goes_on` after the turn.
    """

    user: str
    attach: tuple[str, ...] = ()
    meanwhile: tuple[Happening, ...] = ()
    tools: dict[str, Behaviour] = Field(default_factory=dict)
    expect: Expect


class Conversation(Frozen):
    """Some turns in one world."""

    id: str
    category: str
    setup: Setup = "none"
    turns: tuple[Turn, ...] = Field(min_length=1)

    @property
    def staged(self) -> bool:
        """Whether it needs plan mode: its tools or jobs behave as told, not as they are."""
        return any(turn.tools or set(turn.meanwhile) - {"restart"} for turn in self.turns)


def load_suite(path: Path) -> list[Conversation]:
    """Read one YAML file, or those of a folder in the order of their names; folders inside it are suites of their own.

    Raises:
        TaskError: nothing there, no YAML, or a conversation that does not follow the format (which, and why).
    """
    files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise TaskError(f"There is no conversation suite at '{path}'.", hint="Name a YAML file or a folder of them.")
    conversations: list[Conversation] = []
    for file in files:
        try:
            items = yaml.safe_load(file.read_text(encoding="utf-8"))
            conversations += TypeAdapter(list[Conversation]).validate_python(items)
        except yaml.YAMLError as error:
            raise TaskError(f"'{file.name}' is not YAML: {error}.", hint="Correct it and run again.") from None
        except ValidationError as error:
            raise TaskError(f"'{file.name}': {explain(error, Conversation)}", hint="See evals/suite.py.") from None
    ids = [conversation.id for conversation in conversations]
    double = sorted({name for name in ids if ids.count(name) > 1})
    if double:
        raise TaskError(f"These ids occur more than once: {', '.join(double)}.", hint="Give each its own id.")
    return conversations


def sample(conversations: Sequence[Conversation], count: int, seed: int = 0) -> list[Conversation]:
    """Some of the conversations, by chance: one of every category, then a second of every category, and so on.

    The same seed gives the same ones, and a larger count the same ones and more.
    """
    rng = random.Random(seed)
    categories: dict[str, list[Conversation]] = defaultdict(list)
    for conversation in rng.sample(list(conversations), len(conversations)):
        categories[conversation.category].append(conversation)
    rounds = zip_longest(*categories.values())
    return [one for one in chain.from_iterable(rounds) if one is not None][:count]
