"""The chat: messages, message box with files, Stop with a choice, earlier conversations."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from tools.core.errors import AutoMLError
from ui.address import FIND_ID, FRESH_ID, SHOW_ID
from ui.chat_view import Conversation, attach, say
from ui.transcript import Message, Sources

EXAMPLES = (
    "Train a classifier on wine, 30 seconds, under 200 kB",
    "Describe the breast_cancer data",
    "Predict diabetes in 20 seconds, a model under 1 ms per row",
    "Which experiment was best so far?",
)

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STREAMS = 64
_FILE_TYPES = [
    ".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".json", ".xlsx", ".xls", ".zip", ".npz", ".gz",
]  # fmt: skip


class ChatTab:
    """The chat's components and what they do. Several pages may look at the same conversation.

    Args:
        open_session: Opens the conversation of an id.
        list_sessions: Earlier conversations: {"id", "title", …}, the latest first.
        sources: Where records, plots and files are found.
    """

    def __init__(
        self,
        open_session: Callable[[str], Conversation],
        list_sessions: Callable[[], list[dict[str, Any]]],
        sources: Sources,
    ) -> None:
        self._open = open_session
        self._list = list_sessions
        self._sources = sources
        # Page -> its newest stream; an older stream of the same page sees that it is no longer wanted and ends.
        self._views: dict[str, object] = {}

    def draw_sidebar(self) -> None:
        """The New button and the earlier conversations."""
        self.session = gr.Textbox(visible="hidden", elem_id="session-id")
        self.new = gr.Button("New conversation", variant="primary", size="md", elem_id="new-conversation")
        self.earlier = gr.Radio([], label="Earlier conversations", elem_id="sessions", visible=False)

    def draw(self) -> None:
        """The chat itself."""
        self.chat = gr.Chatbot(
            elem_id="chat",
            show_label=False,
            height="calc(100dvh - 200px)",
            min_height=320,
            layout="bubble",
            buttons=[],
            placeholder=(
                "## What shall the model do?\n"
                "Attach your data or name a sample, and say what you need: what to predict, how fast, how small."
            ),
            examples=[{"text": text} for text in EXAMPLES],
        )
        with gr.Row(visible=False, elem_id="stop-row") as self.choice:
            gr.Markdown("**Stop the training job as well?**")
            self.stop_job = gr.Button("Stop the job", variant="stop", size="sm", elem_id="stop-job")
            self.leave_job = gr.Button("Leave it running", size="sm", elem_id="leave-job")
            self.keep = gr.Button("Keep watching", size="sm", elem_id="keep-watching")
        self.box = gr.MultimodalTextbox(
            elem_id="message",
            show_label=False,
            placeholder="Say what you need, and attach your data …",
            file_count="multiple",
            file_types=_FILE_TYPES,
            autofocus=True,
            max_plain_text_length=20_000,
        )

    def connect(self, page: gr.Blocks) -> None:
        """Tie the components together; call it once all are drawn."""
        screen = [self.chat, self.box, self.choice, self.earlier]
        stream: dict[str, Any] = {
            "outputs": screen, "show_progress": "hidden", "concurrency_limit": _STREAMS, "api_visibility": "private",
        }  # fmt: skip
        take_id: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}

        page.load(None, None, [self.session], js=FIND_ID, **take_id).then(self._show, [self.session], **stream)
        self.new.click(None, None, [self.session], js=FRESH_ID, **take_id).then(self._show, [self.session], **stream)
        self.earlier.input(None, [self.earlier], [self.session], js=SHOW_ID, **take_id).then(
            self._show, [self.session], **stream
        )
        self.box.submit(self._submit, [self.box, self.session], **stream)
        self.chat.example_select(self._example, [self.session], **stream)
        self.chat.option_select(self._option, [self.session], **stream)

        plain: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
        self.box.stop(lambda: gr.Row(visible=True), None, [self.choice], **plain)
        self.keep.click(lambda: gr.Row(visible=False), None, [self.choice], **plain)
        self.stop_job.click(lambda sid: self._stop(sid, True), [self.session], [self.choice], **plain)
        self.leave_job.click(lambda sid: self._stop(sid, False), [self.session], [self.choice], **plain)
        page.unload(self._forget)

    async def _show(self, session_id: str, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        """Show a conversation from the beginning."""
        session = self._session(session_id)
        view = self._claim(request)
        yield [], _idle(), gr.Row(visible=False), self._sessions(session_id)
        async for screen in self._stream(attach(session, self._sources), session, request, view):
            yield screen

    async def _submit(
        self, message: dict[str, Any], session_id: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Send what is in the box."""
        text = str(message.get("text") or "").strip()
        files = [str(file) for file in message.get("files") or []]
        if not text and not files:
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        async for screen in self._say(text or "What is in this file?", files, session_id, request):
            yield screen

    async def _example(
        self, session_id: str, chosen: gr.SelectData, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Send an example."""
        async for screen in self._say(str(chosen.value["text"]), [], session_id, request):
            yield screen

    async def _option(
        self, session_id: str, chosen: gr.SelectData, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Send a quick reply."""
        async for screen in self._say(str(chosen.value), [], session_id, request):
            yield screen

    async def _say(
        self, text: str, files: list[str], session_id: str, request: gr.Request
    ) -> AsyncIterator[tuple[Any, ...]]:
        session = self._session(session_id)
        if session.busy:
            gr.Info("The last message is still being worked on. Wait for its answer, or stop it first.")
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        view = self._claim(request)
        yield gr.skip(), _sent(), gr.skip(), gr.skip()
        names = [Path(file).name for file in files]
        async for screen in self._stream(say(session, text, files, names, self._sources), session, request, view, True):
            yield screen

    async def _stream(
        self,
        frames: AsyncIterator[list[Message]],
        session: Conversation,
        request: gr.Request,
        view: object,
        sent: bool = False,
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Frames on the screen, as long as this page still looks at this conversation."""
        running = sent
        async for messages in frames:
            if self._views.get(_page(request)) is not view:
                return
            if not running and session.busy:
                running = True
                yield messages, _working(), gr.skip(), gr.skip()
            else:
                yield messages, gr.skip(), gr.skip(), gr.skip()
        if self._views.get(_page(request)) is view:
            yield gr.skip(), _idle() if running else gr.skip(), gr.Row(visible=False), self._sessions(session.id)

    def _stop(self, session_id: str, job: bool) -> Any:
        self._session(session_id).stop(job=job)
        return gr.Row(visible=False)

    def _sessions(self, current: str) -> Any:
        """The list of earlier conversations with the current one marked."""
        choices = [(session["title"] or "(no words)", session["id"]) for session in self._list()]
        known = any(value == current for _, value in choices)
        return gr.Radio(choices=choices, value=current if known else None, visible=bool(choices))

    def _session(self, session_id: str) -> Conversation:
        if not _ID.fullmatch(session_id or ""):
            raise gr.Error("This address names no conversation. Start a new one.", print_exception=False)
        try:
            return self._open(session_id)
        except AutoMLError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def _claim(self, request: gr.Request) -> object:
        view = object()
        self._views[_page(request)] = view
        return view

    def _forget(self, request: gr.Request) -> None:
        self._views.pop(_page(request), None)


def _page(request: gr.Request) -> str:
    return str(request.session_hash)


def _idle() -> Any:
    return gr.MultimodalTextbox(submit_btn=True, stop_btn=False)


def _working() -> Any:
    """While a turn goes on the box's button is Stop; what is being typed stays."""
    return gr.MultimodalTextbox(submit_btn=False, stop_btn=True)


def _sent() -> Any:
    return gr.MultimodalTextbox(value={"text": "", "files": []}, submit_btn=False, stop_btn=True)
