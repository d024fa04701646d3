"""Opening and using a bundle: onnxruntime, numpy and pandas, never torch."""

from __future__ import annotations

import functools
import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.core.errors import ExperimentError
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.export.decode import needed_output, predictions_of
from tools.engine.export.runtime import open_session, run_session, runtime_errors

if TYPE_CHECKING:
    import pandas as pd

    from tools.engine.data.modality import Encoder
    from tools.engine.data.target import TargetEncoder

MODEL_FILE = "model.onnx"
METADATA_FILE = "metadata.json"
CARD_FILE = "MODEL_CARD.md"
FORMAT = 1
"""Version of metadata.json; a reader refuses a newer one."""


def fingerprint(path: Path) -> str:
    """SHA-256 of a file's content, hex."""
    return sha256(path.read_bytes()).hexdigest()


class Bundle:
    """A model folder, ready for use.

    Attributes:
        path: The folder.
        metadata: Content of metadata.json.
    """

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        self.path = path
        self.metadata = metadata

    @classmethod
    def open(cls, path: Path | str) -> Bundle:
        """Open the bundle in a folder.

        Raises:
            ExperimentError: there is none, it is damaged or incomplete, or a newer version wrote it.
        """
        folder = Path(path)
        if folder.name in (MODEL_FILE, METADATA_FILE):
            folder = folder.parent
        again = "Export the experiment again, or give the path of another bundle."
        if not (folder / METADATA_FILE).is_file():
            raise ExperimentError(f"There is no model bundle in '{folder}': it has no {METADATA_FILE}.", hint=again)
        try:
            metadata = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
            version, expected = int(metadata["format"]), str(metadata["fingerprint"])
        except (ValueError, KeyError, TypeError, UnicodeDecodeError):
            raise ExperimentError(f"{METADATA_FILE} in '{folder}' is damaged.", hint=again) from None
        if version > FORMAT:
            raise ExperimentError(
                f"The bundle in '{folder}' was written by a newer version (format {version}, this reads {FORMAT}).",
                hint="Update automl-agent.",
            )
        if not (folder / MODEL_FILE).is_file():
            raise ExperimentError(f"The bundle in '{folder}' has no {MODEL_FILE}.", hint=again)
        if fingerprint(folder / MODEL_FILE) != expected:
            raise ExperimentError(f"{MODEL_FILE} in '{folder}' was changed or is damaged.", hint=again)
        return cls(folder, metadata)

    @property
    def onnx(self) -> Path:
        """The model file."""
        return self.path / MODEL_FILE

    @functools.cached_property
    def task(self) -> TaskSpec:
        """What the model predicts."""
        return TaskSpec.from_state(self.metadata["task"])

    @functools.cached_property
    def encoder(self) -> Encoder:
        """Makes raw inputs of data."""
        from tools.engine.data.modality import MODALITIES

        return MODALITIES.get(self.metadata["modality"]).encoder_from_state(self.metadata["encoder"])

    @functools.cached_property
    def target(self) -> TargetEncoder:
        """Reads the truth from labelled data and turns predictions into labels."""
        from tools.engine.data.target import TargetEncoder

        return TargetEncoder.from_state(self.metadata["target"])

    @functools.cached_property
    def session(self) -> Any:
        """The onnxruntime session.

        Raises:
            ExperimentError: onnxruntime cannot load the file.
        """
        try:
            return open_session(self.onnx)
        except runtime_errors() as error:
            raise ExperimentError(
                f"onnxruntime cannot load '{self.onnx}': {str(error).splitlines()[0][:200]}.",
                hint="Update onnxruntime, or export the experiment again.",
            ) from None

    def feed(self, dataset: Dataset, rows: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """What the graph is fed for the examples at `rows` (all, when None): input name -> array."""
        rows = np.arange(dataset.n_rows) if rows is None else rows
        raw = self.encoder.raw_inputs(dataset, rows)
        return {entry["name"]: raw[entry["raw"]] for entry in self.metadata["inputs"]}

    def run(self, feed: dict[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, np.ndarray]:
        """Run the graph on a feed; see `run_session`.

        Raises:
            ExperimentError: onnxruntime refuses the feed or fails.
        """
        try:
            return run_session(self.session, feed, outputs)
        except runtime_errors() as error:
            raise ExperimentError(
                f"The model could not be run on this data: {str(error).splitlines()[0][:200]}.",
                hint="Check that the data looks like the training data.",
            ) from None

    def predict(self, dataset: Dataset, rows: np.ndarray | None = None) -> np.ndarray:
        """Predict the examples at `rows` (all, when None).

        Returns:
            What `TargetEncoder.decode` gives: probabilities [n, k], values [n], or probabilities over the vocabulary
            [n, length, vocab].
        """
        outputs = self.run(self.feed(dataset, rows), [needed_output(self.task.kind)])
        return predictions_of(self.task.kind, outputs)

    def predict_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Predict every row of a table; see `tools.engine.export.predictor.predict_frame`."""
        from tools.engine.export.predictor import predict_frame

        return predict_frame(self, frame)

    def predict_source(self, source: str) -> pd.DataFrame:
        """Predict a file or a built-in sample; see `tools.engine.export.predictor.predict_source`."""
        from tools.engine.export.predictor import predict_source

        return predict_source(self, source)

    def generate(
        self, prompt: str, max_new_tokens: int = 200, temperature: float = 0.8, seed: int = 0, top_p: float = 1.0
    ) -> str:
        """Continue a text; see `tools.engine.export.generator.generate`."""
        from tools.engine.export.generator import generate

        return generate(self, prompt, max_new_tokens, temperature, seed, top_p)
