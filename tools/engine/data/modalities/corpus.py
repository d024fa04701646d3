"""One long text: a model learns to continue it, character by character."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tools.core.errors import TaskError
from tools.core.metrics import default_metric, metrics_for
from tools.core.records import ColumnProfile, DatasetProfile
from tools.engine.data.candidates import find_column
from tools.engine.data.characters import block_length, blocks, characters_of, encode_blocks, next_characters
from tools.engine.data.dataset import Dataset, DataSpec, TaskSpec
from tools.engine.data.modality import MODALITIES, Encoder, Modality
from tools.engine.data.tokens import character_tokenizer_json

if TYPE_CHECKING:
    import onnx


class CorpusEncoder(Encoder):
    """Characters as ids; 0 pads, 1 is unknown. The vocabulary holds the characters of the training rows."""

    def __init__(self) -> None:
        self.characters: list[str] = []
        self.length = 1

    def fit(self, dataset: Dataset, rows: np.ndarray) -> None:
        """Learn the characters of the blocks at `rows`."""
        self.characters = characters_of(dataset, rows)
        self.length = block_length(dataset)

    def transform(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`tokens` int64 [n, length]."""
        return {"tokens": encode_blocks(blocks(dataset, rows), self.characters, self.length)}

    def next_tokens(self, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
        """For every position the id of the character that follows, int64 [n, length]."""
        return next_characters(dataset, rows, self.characters, self.length)

    def ids(self, text: str) -> np.ndarray:
        """Ids of a prompt, int64 [n_characters]."""
        return encode_blocks([text], self.characters, len(text))[0] if text else np.zeros(0, np.int64)

    def text(self, ids: np.ndarray) -> str:
        """The text of ids; padding and unknown are left out."""
        return "".join(self.characters[number] for number in ids if number > 1)

    def spec(self, task: TaskSpec, n_train: int) -> DataSpec:
        """Vocabulary size and block length; the task's width becomes the vocabulary of the training rows."""
        size = len(self.characters)
        return DataSpec("corpus", replace(task, n_outputs=size), n_train, vocab_size=size, sequence_length=self.length)

    def raw_inputs(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The same `tokens`."""
        return self.transform(dataset, rows)

    def graph(self) -> onnx.ModelProto | None:
        """None: the model takes token ids."""
        return None

    def state(self) -> dict[str, Any]:
        """Characters and block length."""
        return {"characters": self.characters, "length": self.length}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> CorpusEncoder:
        """The inverse of `state`."""
        encoder = cls()
        encoder.characters, encoder.length = list(state["characters"]), int(state["length"])
        return encoder

    def files(self) -> dict[str, str]:
        """tokenizer.json, which `tokenizers.Tokenizer.from_file` reads."""
        return {"tokenizer.json": character_tokenizer_json(self.characters)}


@MODALITIES.register
class Corpus(Modality):
    """Plain text, cut into blocks."""

    name = "corpus"
    title: ClassVar[str] = "Plain text"

    def profile(self, dataset: Dataset, target: str | None) -> DatasetProfile:
        """Length, characters, and a look at the beginning."""
        if target is not None:
            find_column(dataset, target)
        texts = dataset.frame["text"]
        n_characters = int(texts.str.len().sum())
        n_kinds = len(set("".join(texts)))
        duplicates = int(texts.duplicated().sum())
        warnings = [str(text) for text in dataset.details.get("warnings", [])]
        if n_characters < 20_000:
            warnings.append(
                f"{n_characters} characters are little to learn a language from; 100 000 or more are better."
            )
        if duplicates > 0.05 * len(texts):
            warnings.append(f"{duplicates} of {len(texts)} blocks repeat another one exactly.")
        column = ColumnProfile(
            name="text",
            kind="text",
            dtype="text",
            missing=0,
            unique=int(texts.nunique()),
            example=str(texts.iloc[0])[:80],
        )
        return DatasetProfile(
            name=dataset.name,
            source=dataset.source,
            fingerprint=dataset.fingerprint,
            modality="corpus",
            n_rows=dataset.n_rows,
            n_bytes=len("".join(texts).encode()),
            columns=(column,),
            task="generation",
            duplicates=duplicates,
            warnings=tuple(warnings),
            details={"characters": n_characters, "different_characters": n_kinds, "block": block_length(dataset)},
        )

    def task(self, dataset: Dataset, target: str | None, kind: str | None, metric: str | None) -> TaskSpec:
        """Generation: predict the next character."""
        if target:
            find_column(dataset, target)
        if kind not in (None, "generation"):
            raise TaskError(
                f"'{dataset.name}' is plain text without labels; a {kind} cannot be trained on it.",
                hint="Use task generation, or give a table with a text column and a label column.",
            )
        fitting = metrics_for("generation")
        if metric is not None and metric not in fitting:
            raise TaskError(f"'{metric}' cannot judge a generation.", hint=f"Use one of: {', '.join(fitting)}.")
        size = len(characters_of(dataset, np.arange(dataset.n_rows)))
        return TaskSpec("generation", "", metric or default_metric("generation"), n_outputs=size)

    def encoder(self) -> Encoder:
        """A new, unfitted encoder."""
        return CorpusEncoder()

    def encoder_from_state(self, state: dict[str, Any]) -> Encoder:
        """The encoder of a stored bundle."""
        return CorpusEncoder.from_state(state)
