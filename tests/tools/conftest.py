from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.contract import TOOLS, ToolContext, ToolResult
from tools.core.records import JobEvent
from tools.workspace import open_workspace


@dataclass
class Workplace:
    """A home folder, the events of the last call, and calls as the agent makes them."""

    context: ToolContext
    events: list[JobEvent] = field(default_factory=list)

    def call(self, name: str, **arguments: Any) -> ToolResult:
        """Run a tool; what holds for every result is checked here."""
        self.events.clear()
        tool = TOOLS.get(name)
        result = tool.run(tool.Args.read(arguments), self.context)
        assert result.summary
        assert len(json.dumps(result.data)) <= 1100, "a language model reads this"
        for artifact in result.artifacts:
            assert artifact.kind not in ("file", "table") or Path(artifact.ref).is_file()
        return result

    def question(self, name: str, **arguments: Any) -> str | None:
        """What the tool asks first."""
        tool = TOOLS.get(name)
        return tool.confirm(tool.Args.read(arguments), self.context)

    @property
    def steps(self) -> list[str]:
        """Names of the steps that the last call showed."""
        return [event.step.name for event in self.events if event.step is not None]


def make(home: Path) -> Workplace:
    context = open_workspace(home)
    place = Workplace(context)
    context.emit = place.events.append
    return place


@pytest.fixture
def empty(tmp_path: Path) -> Workplace:
    return make(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A home with one real experiment on iris."""
    place = make(tmp_path_factory.mktemp("trained"))
    place.call("AutoMLWorkflow", dataset="iris", time_s=60, max_trials=3, max_model_size=500_000, families=["mlp"])
    yield place
    for job in place.context.jobs.running():
        place.context.jobs.cancel(job.id)
