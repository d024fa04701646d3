"""The format of a conversation suite: YAML files, each a list of conversations with what must happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from tools.core.errors import TaskError
from tools.core.frozen import Frozen, explain

Setup = Literal[
    "none", "one_experiment", "three_experiments", "three_experiments_one_failed", "running_job", "interrupted_job"
]


class Expect(Frozen):
    """What one turn must do. `args` are a subset, for the tool named by `tool` (else for any tool called).

    `never` lists `Tool` or `Tool:action`. `store` checks the state after the turn: `experiments` (how many),
    `exists` and `missing` (ids), `tags` (id -> tags it must carry), `jobs` (id -> status).
    """

    tool: str | None = None
    any_of: tuple[str, ...] = ()
    in_order: tuple[str, ...] = ()
    no_tool: bool = False
    args: dict[str, Any] = Field(default_factory=dict)
    asks_for: Literal["data", "target", "confirmation", "choice"] | None = None
    refuses: bool = False
    never: tuple[str, ...] = ()
    says: tuple[str | float, ...] = ()
    store: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_something(self) -> Expect:
        if not any(self.model_dump(exclude_defaults=True).values()):
            raise ValueError("an expectation must expect something")
        return self


class Turn(Frozen):
    """What the user says, and what must come of it."""

    user: str
    attach: tuple[str, ...] = ()
    expect: Expect


class Conversation(Frozen):
    """Some turns in one world."""

    id: str
    category: str
    setup: Setup = "none"
    turns: tuple[Turn, ...] = Field(min_length=1)


def load_suite(path: Path) -> list[Conversation]:
    """Read one YAML file, or all of a folder in the order of their names.

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
