"""What a language model is shown stays the same from call to call, and its replies are understood however written."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import dspy
import pytest

from agent.adapter import Dialogue, written
from agent.events import Answer, Notice, Thought, ToolStarted
from agent.lm import chain
from agent.lm.settings import language_models
from agent.react import adapter
from agent.session import Session
from agent.toolbox import properties
from tests.agent.fakes import context, fake_tools, record
from tests.agent.openai_server import TOO_LONG, Reply, Script, call, serve, submit
from tools.contract import TOOLS

NAMES = {"AutoMLWorkflow", "DatasetInspector", "submit"}
INSPECT = '{"name": "DatasetInspector", "arguments": {"dataset": "wine"}}'
MODES = pytest.mark.parametrize("native", [True, False], ids=["native", "text"])


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AUTOML_LM", "AUTOML_LM_FALLBACK", "OPENAI_API_BASE", "OPENAI_API_KEY", "AUTOML_LM_TOOLS"):
        monkeypatch.delenv(name, raising=False)
    chain._resting.clear()


def said(calls: Reply) -> Reply:
    """The same calls as a model without tool calls writes them."""
    made = [json.dumps({"name": name, "arguments": args}) for name, args in calls.calls]
    return Reply(text="\n".join(made) or calls.text)


class Talk:
    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, native: bool, *replies: Reply) -> None:
        self.script = Script(*(replies if native else map(said, replies)))
        self.tools = fake_tools()
        if native:
            monkeypatch.setenv("AUTOML_LM_TOOLS", "native")
        self._monkeypatch, self._home = monkeypatch, home

    def say(self, *messages: str) -> list[Any]:
        with serve(self.script) as base:
            self._monkeypatch.setenv("AUTOML_API_BASE", base)
            world = context(self._home, record(1, "iris"))
            session = Session(world, lm="openai/my-own-model", tools=self.tools.values())
            return [event for message in messages for event in session.run(message)]


@MODES
def test_a_server_that_keeps_what_it_has_read_reads_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    talk = Talk(
        tmp_path, monkeypatch, native,
        call("AutoMLWorkflow", dataset="wine"), call("ModelEvaluator"), submit("It reaches 0.972."), submit("Bye."),
    )  # fmt: skip
    talk.say("train on wine and judge it", "thanks")
    requests = talk.script.requests
    assert len(requests) == 4
    for before, after in pairwise(requests[:3]):  # within a turn all of it comes again
        assert after["messages"][: len(before["messages"])] == before["messages"]
    for request in requests:  # over turns, tools and instructions do
        assert request.get("tools") == requests[0].get("tools")
        assert request["messages"][0] == requests[0]["messages"][0]
    first = json.dumps([requests[0].get("tools"), requests[0]["messages"][0]])
    assert all(name in first for name in (*talk.tools, "submit"))
    assert "my-own-model" not in first
    assert str(tmp_path) not in first


@MODES
def test_the_dialogue_so_far_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    talk = Talk(tmp_path, monkeypatch, native, call("AutoMLWorkflow", dataset="wine"), submit("It is good."))
    talk.say("train on wine", "and now?")
    told = json.dumps(talk.script.requests[-1]["messages"])
    assert "0.972" in told
    assert told.count("It is good.") == 1
    assert told.count("State of the conversation") == 1  # of this turn only


def test_what_a_model_reads_first_is_short() -> None:
    size = sum(len(json.dumps(properties(tool.Args))) for tool in TOOLS)
    assert size < 14_000
    text = json.dumps([properties(tool.Args) for tool in TOOLS])
    assert '"null"' not in text
    assert '"default": null' not in text


@pytest.mark.parametrize(
    "text",
    [
        INSPECT,
        f"```json\n{INSPECT}\n```",
        f"<tool_call>\n{INSPECT}\n</tool_call>",
        f"I look at it first.\n{INSPECT}",
        f"[{INSPECT}]",
        '{"tool_calls": [{"name": "DatasetInspector", "args": {"dataset": "wine"}}]}',
        '{"type": "function", "function": {"name": "DatasetInspector", "arguments": "{\\"dataset\\": \\"wine\\"}"}}',
        INSPECT[:-1],  # small models lose count of brackets
        f"```json\n{INSPECT[:-1]}\n```",
        '{"tool": "DatasetInspector", "parameters": {"dataset": "wine"}}',
        f'[[ ## next_thought ## ]]\nGo on.\n\n[[ ## tool_calls ## ]]\n{{"tool_calls": [{INSPECT}]}}',
    ],
)
def test_a_call_is_a_call_however_it_is_written(text: str) -> None:
    calls, prose = written(text, NAMES)
    assert [(one.name, one.args) for one in calls] == [("DatasetInspector", {"dataset": "wine"})]
    assert not set("{}[]<>`#") & set(prose)


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("Hello there.", "Hello there."),
        ('Columns look like {"name": "alcohol", "kind": "number"} here.', None),
        ("[[ ## next_thought ## ]]\nHello.\n\n[[ ## completed ## ]]", "Hello."),
        ('{"name": "Auto', ""),
        ('{"name": "AutoMLWorkflow", "arguments": {"dataset": "wine", "time_s": 3', ""),
        ('```json\n{"name": "AutoMLWorkflow", "argum', ""),
        ("", ""),
    ],
)
def test_what_is_no_call(text: str, prose: str | None) -> None:
    calls, rest = written(text, NAMES)
    assert not calls
    assert rest == (text if prose is None else prose)


def test_the_fields_of_an_answer_alone_are_an_answer() -> None:
    [one], _ = written('{"answer": "Done.", "options": ["Go on"]}', NAMES)
    assert (one.name, one.args["answer"]) == ("submit", "Done.")


def test_an_answer_that_is_cut_off_behind_its_words_is_one() -> None:
    text = '{"name": "submit", "arguments": {"answer": "It is \\"good\\".", "data": {"columns": [{"name": "alco'
    [one], _ = written(text, NAMES)
    assert (one.name, one.args) == ("submit", {"answer": 'It is "good".'})
    assert written(text[:50], NAMES) == ([], "")


def test_arguments_left_empty_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(
        tmp_path, monkeypatch, True, call("AutoMLWorkflow", dataset="wine", target="", time_s=None), submit("Trained.")
    )
    [started] = [event for event in talk.say("train on wine") if isinstance(event, ToolStarted)]
    assert started.args == {"dataset": "wine"}


def test_a_reply_that_is_neither_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Talk(tmp_path, monkeypatch, False, Reply(text='{"name": "AutoMLW'), submit("Hello."))
    events = script.say("hi")
    assert events[-1].text == "Hello."
    first, second = (request["messages"] for request in script.script.requests)
    assert second[: len(first)] == first
    assert "neither" in second[-1]["content"]


def test_a_model_that_could_not_be_read_once_is_asked_again_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Reply(text='{"name": "AutoMLW')
    talk = Talk(tmp_path, monkeypatch, False, broken, broken, submit("I am here."))
    events = talk.say("hello", "hello again")
    [notice] = [event.text for event in events if isinstance(event, Notice)]
    assert "could not be read" in notice
    assert events[-1].text == "I am here."


@MODES
def test_the_same_call_twice_in_one_reply_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    twice = Reply(calls=(("AutoMLWorkflow", {"dataset": "wine"}), ("AutoMLWorkflow", {"dataset": "wine"})))
    talk = Talk(tmp_path, monkeypatch, native, twice, submit("Trained."))
    assert sum(isinstance(event, ToolStarted) for event in talk.say("train on wine")) == 1


@pytest.mark.parametrize("arguments", ['{"dataset": "wine", ', "wine", "[1, 2]"])
def test_arguments_that_are_no_object_come_back_as_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    talk = Talk(tmp_path, monkeypatch, True, Reply(calls=(("AutoMLWorkflow", arguments),)), submit("Sorry."))
    events = talk.say("train on wine")
    assert events[-1].text == "Sorry."
    assert not talk.tools["AutoMLWorkflow"].calls
    assert "bad_arguments" in talk.script.requests[-1]["messages"][-1]["content"]


def test_a_model_that_reasons_answers_with_its_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk(tmp_path, monkeypatch, True, Reply(text="Hello!", reasoning="The user greets me."))
    events = talk.say("hi")
    assert [event.text for event in events if isinstance(event, Answer)] == ["Hello!"]
    assert [event.text for event in events if isinstance(event, Thought)] == ["The user greets me."]


@MODES
def test_a_model_that_calls_for_ever_ends_in_what_the_last_tool_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    talk = Talk(tmp_path, monkeypatch, native, call("AutoMLWorkflow", dataset="wine"))
    events = talk.say("go")
    assert isinstance(events[-1], Answer)
    assert "0.972" in events[-1].text


def test_a_conversation_too_long_for_the_model_goes_on_without_earlier_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = Talk(
        tmp_path, monkeypatch, True,
        call("AutoMLWorkflow", dataset="wine"), submit("Trained."),
        TOO_LONG, call("ModelEvaluator"), TOO_LONG, submit("It is good."),
    )  # fmt: skip
    events = talk.say("train on wine", "how good is it?")
    assert not any(isinstance(event, Notice) for event in events)
    assert events[-1].text == "It is good."
    told = json.dumps(talk.script.requests[-1]["messages"])
    assert "how good is it?" in told
    assert "ModelEvaluator" in told
    assert "train on wine" not in told


def test_small_models_are_shown_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown() -> int:
        chosen = adapter(language_models("openai/my-own-model")[0])
        assert isinstance(chosen, Dialogue)
        inputs = {"history": dspy.History(messages=[]), "message": "hi"}
        return len(chosen.format(dspy.Signature("message, history: dspy.History -> answer"), [], inputs))

    assert shown() == 2
    monkeypatch.setenv("AUTOML_API_BASE", "http://127.0.0.1:9/v1")
    assert shown() > 2
