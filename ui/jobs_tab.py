"""The jobs: what runs now, live, with Cancel and Resume; and what ran before."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from tools.contract import ToolContext
from tools.core.errors import AutoMLError
from tools.core.records import JobRecord
from ui.progress import describe
from ui.step import bar

_EVERY_S = 1.5
_SHOWN = 20


class JobsTab:
    """The tab's components and what they do.

    Args:
        workspace: The home folder's jobs.
    """

    def __init__(self, workspace: ToolContext) -> None:
        self._jobs = workspace.jobs

    def draw(self) -> None:
        """Draw the list and the buttons."""
        gr.Markdown("### Jobs")
        with gr.Row(elem_id="job-row"):
            self.which = gr.Dropdown([], label="Job", elem_id="job-choice", scale=2)
            self.cancel = gr.Button("Cancel", variant="stop", size="sm", scale=0, min_width=110)
            self.resume = gr.Button("Resume", size="sm", scale=0, min_width=110)
        self.said = gr.Markdown(elem_id="job-said")
        self.list = gr.HTML(elem_id="jobs")
        self.timer = gr.Timer(_EVERY_S, active=False)

    def connect(self, tab: gr.Tab, others: list[gr.Tab]) -> None:
        """Look at the jobs while the tab is open, and only then."""
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        tab.select(self._open, None, [self.list, self.which, self.timer], **quiet)
        for other in others:
            other.select(lambda: gr.Timer(active=False), None, [self.timer], **quiet)
        self.timer.tick(self._draw, None, [self.list], queue=False, **quiet)
        screen = [self.said, self.list]
        self.cancel.click(lambda job: self._act("cancel", job), [self.which], screen, **quiet)
        self.resume.click(lambda job: self._act("resume", job), [self.which], screen, **quiet)

    def _open(self) -> tuple[str, Any, Any]:
        jobs = self._latest()
        choices = [(f"{job.id} · {job.dataset} · {job.status}", job.id) for job in jobs]
        running = next((job.id for job in jobs if job.status == "running"), jobs[0].id if jobs else None)
        return jobs_html(jobs), gr.Dropdown(choices=choices, value=running), gr.Timer(active=True)

    def _draw(self) -> str:
        return jobs_html(self._latest())

    def _latest(self) -> list[JobRecord]:
        return sorted(self._jobs.list(), key=lambda job: job.id, reverse=True)[:_SHOWN]

    def _act(self, action: str, job: int | None) -> tuple[str, str]:
        if job is None:
            return "Choose a job first.", self._draw()
        try:
            record = self._jobs.cancel(int(job)) if action == "cancel" else self._jobs.resume(int(job))
        except AutoMLError as error:
            return f"⚠ {error}", self._draw()
        return f"Job {record.id}: {record.status}.", self._draw()


def jobs_html(jobs: list[JobRecord]) -> str:
    """The jobs as cards; every text from outside is escaped."""
    if not jobs:
        return '<div class="empty">No job yet. Ask for a model in the chat.</div>'
    return "".join(_card(job) for job in jobs)


def _card(job: JobRecord) -> str:
    live = job.status == "running" and job.metrics is not None
    parts = [
        f'<div class="top"><b>Job {job.id}</b> <span>{html.escape(job.dataset)}</span>'
        f'<span class="state {job.status}">{job.status}</span></div>'
    ]
    if live and job.metrics is not None:
        parts.append(f'<div class="what">{bar(job.metrics.progress)}<br>{html.escape(describe(job.metrics))}</div>')
    elif job.error is not None:
        parts.append(f'<div class="what">{html.escape(f"{job.error.message} {job.error.hint}".strip())}</div>')
    else:
        when = job.created_at[:16].replace("T", " ")
        parts.append(f'<div class="what">{job.kind.replace("_", " ")}, started {when} UTC</div>')
    return f'<div class="job">{"".join(parts)}</div>'
