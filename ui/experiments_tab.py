"""The experiments: a table of the history; for the chosen one its report, its plots, its downloads."""

from __future__ import annotations

from typing import Any

import gradio as gr

from tools.contract import ToolContext
from tools.core.errors import AutoMLError
from tools.core.records import ExperimentRecord
from tools.core.units import format_size
from ui.charts import figure
from ui.downloads import bundle_zip, text_file
from ui.progress import format_number
from ui.summary import score

COLUMNS = ("id", "dataset", "task", "status", "metric", "test", "baseline", "model", "size", "started")
PLOTS = {
    "Learning curve": "learning_curve",
    "Trials over time": "history",
    "Quality against size": "pareto",
    "Beside other experiments": "compare",
    "Confusion": "confusion",
    "Which inputs matter": "importance",
    "ROC and precision-recall": "curves",
    "Calibration": "calibration",
}
_EMPTY = "*No experiment yet. Ask for a model in the chat, for instance: train a classifier on iris, 20 seconds.*"


class ExperimentsTab:
    """The tab's components and what they do.

    Args:
        workspace: The home folder's history.
    """

    def __init__(self, workspace: ToolContext) -> None:
        self._store = workspace.store
        self._home = workspace.home

    def draw(self, tab: gr.Tab) -> None:
        """Draw and connect everything."""
        with gr.Row():
            gr.Markdown("### Experiments")
            refresh = gr.Button("Refresh", size="sm", scale=0, min_width=100)
        table = gr.Dataframe(
            headers=list(COLUMNS), interactive=False, wrap=False, show_label=False, elem_id="experiments-table",
            max_height=320, show_search="filter",
        )  # fmt: skip
        chosen = gr.Number(visible="hidden", precision=0, elem_id="experiment-id")
        with gr.Column(visible=False) as details:
            with gr.Row():
                title = gr.Markdown()
                bundle = gr.DownloadButton("Bundle (zip)", size="sm", scale=0, min_width=130, variant="primary")
                paper = gr.DownloadButton("Report (.md)", size="sm", scale=0, min_width=130)
            which = gr.Dropdown(list(PLOTS.items()), value="learning_curve", label="Plot", elem_id="plot-name")
            plot = gr.Plot(show_label=False, elem_id="experiment-plot")
            remark = gr.Markdown()
            report = gr.Markdown(elem_id="experiment-report")
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
        parts = [details, title, bundle, paper, report]
        for event in (tab.select, refresh.click):
            event(self._rows, None, [table], **quiet)
        table.select(self._choose, [table], [chosen], **quiet).then(self._details, [chosen], parts, **quiet).then(
            self._plot, [chosen, which], [plot, remark], **quiet
        )
        which.input(self._plot, [chosen, which], [plot, remark], **quiet)

    def _rows(self) -> list[list[Any]]:
        """The table, the newest first."""
        return [_row(record) for record in reversed(self._store.list())]

    def _choose(self, rows: Any, chosen: gr.SelectData) -> int | None:
        # The row's own value is right even where the reader has sorted or filtered the table in the browser.
        row = chosen.row_value
        return int(row[0]) if row and str(row[0]).isdigit() else None

    def _details(self, experiment: float | None) -> tuple[Any, ...]:
        from tools.tracking.report import report

        try:
            record = self._store.get(int(experiment or 0))
            text = report(self._store, record.id)
        except AutoMLError as error:
            gone = gr.DownloadButton(visible=False)
            return gr.Column(visible=True), str(error), gone, gone, ""
        paper = text_file(text, f"report-experiment-{record.id}.md", self._home)
        return (
            gr.Column(visible=True),
            f"### Experiment {record.id} · {record.dataset}",
            self._bundle(record),
            gr.DownloadButton(value=str(paper), visible=True),
            text,
        )

    def _bundle(self, record: ExperimentRecord) -> Any:
        try:
            return gr.DownloadButton(value=str(bundle_zip(record, self._home)), visible=True)
        except AutoMLError:
            return gr.DownloadButton(visible=False)

    def _plot(self, experiment: float | None, name: str) -> tuple[Any, Any]:
        from tools.tracking.plots import plot

        try:
            return gr.Plot(figure(plot(self._store, int(experiment or 0), name)), visible=True), ""
        except AutoMLError as error:
            return gr.Plot(visible=False), f"*{error}*"


def _row(record: ExperimentRecord) -> list[Any]:
    baseline = record.baseline.get(record.metric) if record.metric else None
    size = record.best.model_size if record.best else None
    return [
        record.id,
        record.dataset,
        record.task or "",
        record.status,
        record.metric or "",
        format_number(score(record)),
        format_number(baseline),
        record.best.model_architecture if record.best else "",
        format_size(size) if size is not None else "",
        record.created_at[5:16].replace("T", " "),
    ]
