"""A conversation that plays a script, for pages without an agent: same face as `agent.session.Session`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from agent.events import Answer, ArtifactReady, Event, Thought, ToolFinished, ToolProgress, ToolStarted
from tools.contract import Artifact
from tools.core.records import AutoMLMetrics, JobEvent, StepRecord, now

Script = Sequence[tuple[float, Event]]


def progress(call: str, trial: int, of: int, best: float, left: float) -> ToolProgress:
    """A reading of a running search."""
    metrics = AutoMLMetrics(
        current_trial=trial,
        max_trials=of,
        best_metrics={"accuracy": best},
        progress=trial / of,
        phase="search",
        time_left_s=left,
    )
    return ToolProgress(call=call, event=JobEvent(time=now(), kind="progress", metrics=metrics))


def training(experiment: int | None = 1, trials: int = 8, beat: float = 0.25) -> list[tuple[float, Event]]:
    """A training as the real agent tells it."""
    call = "call-1"
    script: list[tuple[float, Event]] = [
        (0.2, Thought(text="The user wants a classifier on iris within 20 seconds.")),
        (0.1, ToolStarted(call=call, name="AutoMLWorkflow", args={"dataset": "iris", "time_s": 20.0})),
    ]
    for name, said in (("task analysis", "classification of 3 classes, 150 rows"), ("search space", "mlp, linear")):
        step = StepRecord(name=name, summary=said, seconds=0.3)
        script.append((0.1, ToolProgress(call=call, event=JobEvent(time=now(), kind="step", step=step))))
    for trial in range(1, trials + 1):
        script.append((beat, progress(call, trial, trials, 0.9 + trial / 100, (trials - trial) * beat)))
    script += [
        (
            0.1,
            ToolFinished(
                call=call,
                name="AutoMLWorkflow",
                ok=True,
                summary="Trained.",
                result={"test_accuracy": 0.967},
                seconds=trials * beat,
                experiment=experiment,
            ),
        ),
        (0.0, ArtifactReady(call=call, artifact=Artifact(kind="plot", ref=f"plot:{experiment}:learning_curve"))),
        (0.0, ArtifactReady(call=call, artifact=Artifact(kind="bundle", ref=f"bundle:{experiment}"))),
        (
            0.2,
            Answer(
                text="The model reaches **0.967** accuracy on the test rows; a trivial guess gives 0.333. "
                "It is 12 kB and answers in 0.02 ms per row.",
                options=("Make it smaller", "Compare it with the others"),
            ),
        ),
    ]
    return script


class ScriptedSession:
    """Plays `script` for every message; goes on when nobody watches, like the real one."""

    def __init__(self, session_id: str, script: Script) -> None:
        self.id = session_id
        self.stops: list[bool] = []
        self.received: list[tuple[str, tuple[str, ...]]] = []
        self._script = script
        self._turns: list[dict[str, Any]] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def turns(self) -> list[dict[str, Any]]:
        return [dict(turn) for turn in self._turns]

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def send(self, text: str, attachments: Sequence[str] = ()) -> AsyncIterator[Event]:
        self.received.append((text, tuple(attachments)))
        names = [item.rsplit("/", 1)[-1] for item in attachments]
        self._turns.append({"user": text, "attachments": names, "events": [], "done": False})
        self._task = asyncio.create_task(self._play(self._turns[-1]))
        async for event in self.follow():
            yield event

    async def follow(self) -> AsyncIterator[Event]:
        turn, position = self._turns[-1], 0
        while True:
            events = turn["events"]
            while position < len(events):
                yield events[position]
                position += 1
            if turn["done"]:
                return
            await asyncio.sleep(0.02)

    def stop(self, job: bool = True) -> None:
        self.stops.append(job)

    async def _play(self, turn: dict[str, Any]) -> None:
        for wait, event in self._script:
            await asyncio.sleep(wait)
            if self.stops:
                turn["events"].append(Answer(text="Stopped." if self.stops[-1] else "It goes on in the background."))
                break
            turn["events"].append(event)
        self.stops.clear()
        turn["done"] = True
