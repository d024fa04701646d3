"""The chat page: build it, serve it. Loads no torch; training happens in jobs of their own."""

from __future__ import annotations

import html
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported: nothing is sent anywhere

import gradio as gr

from agent.session import Session, list_sessions
from tools.contract import ToolContext
from tools.workspace import open_workspace
from ui.chat_tab import ChatTab
from ui.chat_view import Conversation
from ui.downloads import FOLDER
from ui.experiments_tab import ExperimentsTab
from ui.jobs_tab import JobsTab
from ui.listen import check_address, port_taken
from ui.lm_line import lm_sentence
from ui.sources import HomeSources
from ui.style import CSS, theme

_PRIVATE = ("history.json", "sessions", "uploads", "runs")


def build(
    home: Path | ToolContext | None = None, open_session: Callable[[str], Conversation] | None = None
) -> gr.Blocks:
    """Build the page of a home folder.

    Args:
        home: The folder, or a ready workspace; `None` is the default folder.
        open_session: Opens a conversation by its id; default: the agent's.
    """
    workspace = home if isinstance(home, ToolContext) else open_workspace(home)
    sources = HomeSources(workspace.store, workspace.home)
    chat = ChatTab(
        open_session=open_session or (lambda session_id: Session(workspace, session_id=session_id)),
        list_sessions=lambda: list_sessions(workspace.home),
        sources=sources,
    )
    jobs = JobsTab(workspace)
    with gr.Blocks(title="AutoML Agent", fill_height=True, analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        with gr.Sidebar(width=280, elem_id="sidebar"):
            gr.HTML(_BRAND, elem_id="brand")
            chat.draw_sidebar()
            line = gr.HTML(elem_id="lm-line")
        with gr.Tabs(elem_id="page-tabs"):
            with gr.Tab("Chat", id="chat") as chat_tab:
                chat.draw()
            with gr.Tab("Experiments", id="experiments") as experiments_tab:
                ExperimentsTab(workspace).draw(experiments_tab)
            with gr.Tab("Jobs", id="jobs") as jobs_tab:
                jobs.draw()
        chat.connect(page)
        jobs.connect(jobs_tab, [chat_tab, experiments_tab])
        page.load(lm_html, None, [line], show_progress="hidden", api_visibility="private")
    page.queue(default_concurrency_limit=16, api_open=False)
    return page


def launch_options(home: Path) -> dict[str, Any]:
    """What `Blocks.launch` must be told: the look, and that only the downloads folder may be read.

    Args:
        home: The home folder.
    """
    return {
        "theme": theme(),
        "css": CSS,
        "ssr_mode": False,
        "show_error": True,
        "footer_links": [],
        "allowed_paths": [str(home / FOLDER)],
        "blocked_paths": [str(home / name) for name in _PRIVATE],
        "max_file_size": _upload_limit(),
        "favicon_path": str(Path(__file__).with_name("favicon.svg")),
    }


def serve(host: str = "127.0.0.1", port: int = 7860, home: Path | None = None, open_browser: bool = False) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        ResourceError: the address is not this machine's, or the port is taken.
    """
    check_address(host, port)
    workspace = open_workspace(home)
    os.environ.setdefault("GRADIO_TEMP_DIR", str(workspace.home / "cache" / "gradio"))
    (workspace.home / FOLDER).mkdir(parents=True, exist_ok=True)
    workspace.jobs.reconcile()
    page = build(workspace)
    try:
        _, url, _ = page.launch(
            server_name=host, server_port=port, quiet=True, inbrowser=open_browser, prevent_thread_lock=True,
            **launch_options(workspace.home),
        )  # fmt: skip
    except OSError:  # taken since the address was checked; gradio's own advice is for programmers
        raise port_taken(port) from None
    print(f"AutoML Agent is at {url}  (history in {workspace.home}; stop with Ctrl-C)", flush=True)
    threading.Thread(target=_warm, name="warm-up", daemon=True).start()
    try:
        page.block_thread()
    finally:
        page.close()


def lm_html() -> str:
    """The line that says which language model answers."""
    from agent.lm.settings import lm_status

    status = lm_status()
    kind = "planner" if status["model"] == "planner" else "ready" if status["ok"] else "problem"
    return f'<span class="dot {kind}"></span>{html.escape(lm_sentence(status))}'


def _warm() -> None:
    """Load what the first turn needs while the user still reads the page."""
    import agent.react  # noqa: F401


def _upload_limit() -> int:
    from agent.uploads import upload_limit

    return upload_limit()


_BRAND = "<h1>AutoML Agent</h1><p>Say what model you need; it searches, trains, checks and exports one.</p>"
