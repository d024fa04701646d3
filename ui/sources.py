"""Where the page finds what events only name: records, plots and downloads of one home folder."""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

import gradio as gr

from tools.contract import Artifact
from tools.core.errors import AutoMLError
from tools.core.records import ExperimentRecord
from tools.core.units import format_size
from tools.tracking.store import Store
from ui.charts import figure
from ui.downloads import bundle_zip
from ui.transcript import Message

logger = logging.getLogger(__name__)

_KEPT = 64


class HomeSources:
    """Reads the store; a finished experiment's plots are kept, since a page redraws them with every step.

    Args:
        store: The history.
        home: Its folder.
    """

    def __init__(self, store: Store, home: Path) -> None:
        self._store = store
        self._home = home
        self._figures: OrderedDict[str, Any] = OrderedDict()
        self._records: OrderedDict[int, ExperimentRecord] = OrderedDict()

    def record(self, experiment: int) -> ExperimentRecord | None:
        """The experiment, or None when it is gone."""
        try:
            return self._store.get(experiment)
        except AutoMLError:
            return None

    def picture(self, ref: str) -> Any | None:
        """A `gr.Plot` for `plot:ID:NAME`, or None when it cannot be drawn."""
        if ref not in self._figures:
            drawn = self._draw(ref)
            if drawn is None:
                return None
            self._figures[ref] = drawn
            while len(self._figures) > _KEPT:
                self._figures.popitem(last=False)
        return gr.Plot(self._figures[ref])

    def download(self, artifact: Artifact) -> Message | None:
        """A chat file for `bundle:ID`, or for a path inside the run folders."""
        number = artifact.ref.rpartition(":")[2]
        if not number.isdigit():
            return None
        record = self.record(int(number))
        if record is None:
            return None
        try:
            path = bundle_zip(record, self._home)
        except AutoMLError:
            return None
        return {"path": str(path), "alt_text": f"{path.name} ({format_size(path.stat().st_size)})"}

    def _draw(self, ref: str) -> Any | None:
        from tools.tracking.plots import plot

        _, _, rest = ref.partition(":")
        number, _, name = rest.partition(":")
        if not number.isdigit():
            return None
        try:
            return figure(plot(self._store, int(number), name))
        except AutoMLError as error:
            logger.info("Plot %s: %s", ref, error)
            return None
