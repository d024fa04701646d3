from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path

import pytest

from agent.events import Answer, ArtifactReady, Event, Notice, ToolFinished, ToolProgress, ToolStarted, TurnError
from agent.session import Session, list_sessions
from tests.agent.fakes import Fake, context, fake_tools, record
from tools.core.errors import ExperimentError

WINE = "Train a classifier on wine, 30 seconds, under 200 kB, then tell me how good it is"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def session(home: Path, tools: dict[str, Fake] | None = None, number: str | None = None) -> Session:
    chosen = fake_tools() if tools is None else tools
    return Session(
        context(home, record(1, "iris"), record(2, "wine")), session_id=number, lm="planner", tools=chosen.values()
    )


def last(events: list[Event]) -> Event:
    return events[-1]


def test_a_turn_streams_tool_steps_progress_artifacts_and_an_answer_in_order(tmp_path: Path) -> None:
    events = list(session(tmp_path).run(WINE))
    names = [event.name for event in events if isinstance(event, ToolStarted)]
    assert names == ["AutoMLWorkflow", "ModelEvaluator"]
    started = next(event for event in events if isinstance(event, ToolStarted))
    assert started.args["dataset"] == "wine"
    assert started.args["time_s"] == 30
    assert started.args["max_model_size"] == 200_000
    progress = [event for event in events if isinstance(event, ToolProgress)]
    assert len(progress) == 3
    assert {event.call for event in progress} == {started.call}
    assert any(isinstance(event, ArtifactReady) for event in events)
    answer = last(events)
    assert isinstance(answer, Answer)
    assert "0.972" in answer.text


@pytest.mark.anyio
async def test_async_and_sync_doors_give_the_same_events(tmp_path: Path) -> None:
    events = [type(event) async for event in session(tmp_path / "a").send(WINE)]
    again = await asyncio.to_thread(lambda: [type(event) for event in session(tmp_path / "b").run(WINE)])
    assert events == again


def test_a_session_goes_on_after_a_restart_with_memory_and_turns(tmp_path: Path) -> None:
    first = session(tmp_path)
    list(first.run("train on iris for 10 seconds"))
    second = session(tmp_path, number=first.id)
    assert [turn["user"] for turn in second.turns] == ["train on iris for 10 seconds"]
    assert isinstance(second.turns[0]["events"][-1], Answer)
    events = list(second.run("actually make it a minute"))
    started = next(event for event in events if isinstance(event, ToolStarted))
    assert started.args == {"dataset": "iris", "time_s": 60}
    assert list_sessions(tmp_path)[0]["id"] == first.id
    assert list_sessions(tmp_path)[0]["turns"] == 2


def test_a_half_written_last_line_costs_nothing_but_itself(tmp_path: Path) -> None:
    first = session(tmp_path)
    list(first.run("train on iris"))
    path = tmp_path / "sessions" / f"{first.id}.jsonl"
    with path.open("ab") as file:
        file.write(b'{"turn": 2, "user": "cut o')
    again = session(tmp_path, number=first.id)
    assert len(again.turns) == 1
    list(again.run("how good is it?"))
    assert [turn["user"] for turn in session(tmp_path, number=first.id).turns] == ["train on iris", "how good is it?"]


def test_a_turn_that_a_crash_cut_short_is_shown_as_such(tmp_path: Path) -> None:
    first = session(tmp_path)
    first._transcript.append({"turn": 1, "user": "train on iris", "attachments": []})
    (turn,) = session(tmp_path, number=first.id).turns
    assert isinstance(turn["events"][0], TurnError)
    assert not turn["done"]


def test_nothing_is_deleted_without_a_yes_in_this_conversation(tmp_path: Path) -> None:
    tools = fake_tools()
    talk = session(tmp_path, tools)
    answer = last(list(talk.run("delete experiment 2")))
    assert isinstance(answer, Answer)
    assert "?" in answer.text
    assert answer.options
    assert not tools["ExperimentTracker"].calls
    list(talk.run("show my experiments"))  # anything but a yes lets the question lapse
    list(talk.run("yes"))
    assert [call.action for call in tools["ExperimentTracker"].calls] == ["list"]  # type: ignore[attr-defined]
    list(talk.run("delete experiment 2"))
    list(talk.run("Yes, go ahead"))
    assert tools["ExperimentTracker"].calls[-1].action == "delete"  # type: ignore[attr-defined]


def test_a_no_leaves_everything_as_it_is(tmp_path: Path) -> None:
    tools = fake_tools()
    talk = session(tmp_path, tools)
    list(talk.run("delete experiment 2"))
    answer = last(list(talk.run("no, keep it")))
    assert isinstance(answer, Answer)
    assert "nothing was changed" in answer.text
    assert not tools["ExperimentTracker"].calls


def test_a_tool_error_becomes_a_sentence_with_what_to_do_next(tmp_path: Path) -> None:
    events = list(session(tmp_path).run("train on broken.csv"))
    finished = next(event for event in events if isinstance(event, ToolFinished))
    assert not finished.ok
    assert finished.result == {
        "type": "task",
        "message": "broken.csv has one class only.",
        "hint": "Add rows of another class.",
    }
    answer = last(events)
    assert isinstance(answer, Answer)
    assert "one class only" in answer.text


def test_a_bug_in_a_tool_shows_no_traceback_and_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = list(session(tmp_path).run("train on bug.csv"))
    said = json.dumps([event.model_dump(mode="json") for event in events])
    assert "internal error" in said
    assert "passwd" not in said
    assert "Traceback" not in said
    assert "passwd" in caplog.text


def _later(act: threading.Event, talk: Session, job: bool) -> None:
    act.wait(5)
    time.sleep(0.05)
    talk.stop(job=job)


@pytest.mark.parametrize(("job", "words"), [(True, "Stopped"), (False, "in the background")])
def test_stop_ends_the_turn_with_or_without_its_job(tmp_path: Path, job: bool, words: str) -> None:
    tools = fake_tools()
    tools["AutoMLWorkflow"].wait_s = 20.0  # type: ignore[attr-defined]
    talk = session(tmp_path, tools)
    running = threading.Event()
    threading.Thread(target=_later, args=(running, talk, job)).start()
    events = []
    began = time.monotonic()
    for event in talk.run("train on wine, then tell me how good it is"):
        events.append(event)
        if isinstance(event, ToolProgress):
            running.set()
    assert time.monotonic() - began < 5
    answer = last(events)
    assert isinstance(answer, Answer)
    assert words in answer.text
    assert not tools["ModelEvaluator"].calls
    assert (1 in talk.memory.watched) is (not job)
    follow = list(talk.run("hello"))  # the next turn finds a whole dialogue
    assert isinstance(last(follow), Answer)


def test_a_job_left_running_is_reported_in_a_later_turn(tmp_path: Path) -> None:
    tools = fake_tools()
    tools["AutoMLWorkflow"].wait_s = 20.0  # type: ignore[attr-defined]
    talk = session(tmp_path, tools)
    for event in talk.run("train on wine"):
        if isinstance(event, ToolProgress):
            talk.stop(job=False)
    events = list(talk.run("hello"))  # the fake history says that experiment 1 has completed
    assert isinstance(events[0], Notice)
    assert "Experiment 1" in events[0].text
    assert not any(isinstance(event, Notice) for event in talk.run("hello again"))


def test_attachments_are_copied_under_safe_names_and_known_by_their_columns(tmp_path: Path) -> None:
    source = tmp_path / "in" / "churn.csv"
    source.parent.mkdir()
    source.write_text("age,plan,churned\n" + "".join(f"{20 + i},{'ab'[i % 2]},{'yn'[i % 2]}\n" for i in range(40)))
    tools = fake_tools()
    talk = session(tmp_path / "home", tools)
    list(talk.run("Predict `churned` with churn.csv, under 2 MB", [source]))
    call = tools["AutoMLWorkflow"].calls[0]
    assert (call.dataset, call.target, call.max_model_size) == ("churn.csv", "churned", 2_000_000)  # type: ignore[attr-defined]
    note = talk.memory.datasets["churn.csv"]
    assert Path(note.path).parent == tmp_path / "home" / "uploads" / talk.id
    assert note.columns == ("age", "plan", "churned")


def test_an_attachment_that_is_too_large_is_refused_with_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOML_MAX_UPLOAD", "1kB")
    source = tmp_path / "big.csv"
    source.write_bytes(b"a,b\n" * 1000)
    (event,) = session(tmp_path / "home").run("look at this", [source])
    assert isinstance(event, TurnError)
    assert "1 kB" in event.message


def test_two_turns_of_one_session_do_not_run_at_the_same_time(tmp_path: Path) -> None:
    tools = fake_tools()
    tools["AutoMLWorkflow"].wait_s = 20.0  # type: ignore[attr-defined]
    talk = session(tmp_path, tools)
    seen = []
    for event in talk.run("train on wine"):
        if isinstance(event, ToolProgress) and not seen:
            seen = list(session(tmp_path, number=talk.id).run("hello"))
            reloaded = session(tmp_path, number=talk.id).turns
            assert reloaded[-1]["user"] == "train on wine"
            assert any(isinstance(shown, ToolStarted) for shown in reloaded[-1]["events"])
            talk.stop()
    assert isinstance(seen[0], TurnError)


@pytest.mark.anyio
async def test_many_sessions_at_once_keep_their_events_apart(tmp_path: Path) -> None:
    async def one(name: str) -> list[str]:
        talk = session(tmp_path, fake_tools(), number=name)
        return [
            event.args["dataset"] async for event in talk.send(f"train on {name}") if isinstance(event, ToolStarted)
        ]

    names = ["iris", "wine", "digits", "diabetes"]
    assert await asyncio.gather(*(one(name) for name in names)) == [[name] for name in names]


@pytest.mark.anyio
async def test_leaving_the_stream_early_does_not_end_the_turn(tmp_path: Path) -> None:
    talk = session(tmp_path)
    stream = talk.send(WINE)
    async for event in stream:
        if isinstance(event, ToolStarted):
            break
    await stream.aclose()  # type: ignore[attr-defined]
    async for _ in talk.follow():
        pass
    assert isinstance(talk.turns[-1]["events"][-1], Answer)


def test_an_id_that_is_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError):
        session(tmp_path, number="../../etc/passwd")


def test_a_training_that_failed_for_its_limits_can_be_asked_for_again_with_another(tmp_path: Path) -> None:
    tools = fake_tools()
    talk = session(tmp_path, tools)
    list(talk.run("train a classifier on iris under 1 kB"))
    list(talk.run("ok, 10 kB then"))
    asked = tools["AutoMLWorkflow"].calls[-1]
    assert asked.model_dump(exclude_unset=True) == {
        "dataset": "iris", "task": "classification", "max_model_size": 10_000
    }  # fmt: skip
