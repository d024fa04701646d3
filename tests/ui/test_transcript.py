from typing import Any

import pytest

from agent.events import Answer, ArtifactReady, Notice, Thought, ToolFinished, ToolStarted, TurnError
from tests.ui.records import make_finished
from tests.ui.scripted import progress, training
from tools.contract import Artifact
from tools.core.records import ExperimentRecord
from tools.tracking.store import Store
from ui.transcript import Message, conversation, turn_messages


class KnownThings:
    """A history of one experiment whose plots and files are plain words."""

    def __init__(self, record: ExperimentRecord | None) -> None:
        self._record = record

    def record(self, experiment: int) -> ExperimentRecord | None:
        return self._record

    def picture(self, ref: str) -> Any | None:
        return f"picture of {ref}" if self._record else None

    def download(self, artifact: Artifact) -> Message | None:
        return {"path": "/downloads/x.zip", "alt_text": "x.zip"} if self._record else None


@pytest.fixture
def things(store: Store) -> KnownThings:
    return KnownThings(make_finished(store))


def draw(events: list[Any], things: KnownThings, ended: bool = True) -> list[Message]:
    return turn_messages("train", ["data.csv"], events, things, prefix="t0", ended=ended)


def test_a_training_is_told_in_the_order_it_happened(things: KnownThings) -> None:
    messages = draw([event for _, event in training(experiment=1)], things)
    assert [message["role"] for message in messages] == ["user", *["assistant"] * 6]
    user, thought, step, table, picture, file, answer = messages
    assert "`data.csv`" in user["content"]
    assert "classifier on iris" in thought["content"]
    assert step["metadata"]["title"] == "Built a model"
    assert step["metadata"]["status"] == "done"
    assert "| **accuracy** | 0.967 (0.900 – 1.000) | 0.950 | 0.333 |" in table["content"]
    assert "| model size | ≤ 200 kB | 12 kB | ✓ met |" in table["content"]
    assert picture["content"] == "picture of plot:1:learning_curve"
    assert file["content"]["path"].endswith(".zip")
    assert [option["value"] for option in answer["options"]] == ["Make it smaller", "Compare it with the others"]


def test_a_running_step_shows_bar_trial_best_and_time_left(things: KnownThings) -> None:
    started = ToolStarted(call="c", name="AutoMLWorkflow", args={"dataset": "iris", "max_model_size": 200_000})
    step = draw([started, progress("c", 7, 20, 0.974, 12.0)], things, ended=False)[-1]
    assert step["metadata"]["status"] == "pending"
    assert step["metadata"]["title"] == "Building a model · Searching · trial 7 of 20 · best accuracy 0.974 · 12 s left"
    assert '<progress value="0.350"' in step["content"]
    assert "max model size 200 kB" in step["content"]


def test_a_step_that_never_ended_is_shown_as_stopped(things: KnownThings) -> None:
    step = draw([ToolStarted(call="c", name="DatasetInspector", args={})], things)[-1]
    assert step["metadata"]["status"] == "done"
    assert "stopped" in step["content"]


def test_a_failed_step_and_a_failed_turn_say_why(things: KnownThings) -> None:
    messages = draw(
        [
            ToolStarted(call="c", name="Predictor", args={}),
            ToolFinished(
                call="c", name="Predictor", ok=False, summary="No column 'age'. Add it.", result={}, seconds=0.1
            ),
            Notice(text="Another model took over."),
            TurnError(message="The model did not answer.", hint="Try again."),
        ],
        things,
    )
    assert messages[1]["metadata"]["title"] == "Predicting: did not work"
    assert "No column 'age'" in messages[1]["content"]
    assert "Another model took over." in messages[2]["content"]
    assert messages[3]["content"].endswith("Try again.")


def test_a_job_that_goes_on_shows_no_table(things: KnownThings) -> None:
    messages = draw(
        [
            ToolStarted(call="c", name="AutoMLWorkflow", args={}),
            ToolFinished(
                call="c", name="AutoMLWorkflow", ok=True, summary="", result={}, seconds=1, experiment=1, running=True
            ),
        ],
        things,
    )
    assert len(messages) == 2
    assert messages[1]["metadata"]["title"] == "Building a model: goes on in the background"


def test_a_deleted_experiment_leaves_a_sentence() -> None:
    messages = draw([event for _, event in training(experiment=1)], KnownThings(None))
    assert any("no longer in the history" in str(message["content"]) for message in messages)


def test_what_others_wrote_cannot_become_markup(things: KnownThings) -> None:
    messages = draw([Thought(text="<script>alert(1)</script>")], things)
    assert "<script>" not in messages[1]["content"]


def test_steps_of_different_turns_have_different_ids(things: KnownThings) -> None:
    events = [ToolStarted(call="call-1", name="DatasetInspector", args={}), Answer(text="ok")]
    turns = [{"user": "a", "attachments": [], "events": events}] * 2
    ids = [message["metadata"]["id"] for message in conversation(turns, things) if "metadata" in message]
    assert len(set(ids)) == 2


def test_events_of_an_unknown_call_are_left_out(things: KnownThings) -> None:
    event = ArtifactReady(call="x", artifact=Artifact(kind="table", ref="t"))
    assert len(draw([progress("nobody", 1, 2, 0.5, 1.0), event], things)) == 1
