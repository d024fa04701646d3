"""Short texts with a label: words become ids."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tools.core.errors import TaskError
from tools.core.records import DatasetProfile
from tools.engine.data.candidates import find_targets
from tools.engine.data.columns import UNUSED
from tools.engine.data.dataset import Dataset, DataSpec, TaskSpec
from tools.engine.data.describe import describe
from tools.engine.data.forms import Form, Forms
from tools.engine.data.missing import listed
from tools.engine.data.modality import MODALITIES, Encoder, Modality
from tools.engine.data.supervised import supervised_task
from tools.engine.data.tokens import to_ids, vocabulary, word_tokenizer_json, words
from tools.engine.data.wordpiece import PRETRAINED, WordPiece, archive_path, pretrained_vocabulary

if TYPE_CHECKING:
    import onnx

MAX_WORDS = 20_000
MAX_LENGTH = 1024
MAX_TOKENS = 8_000_000
"""Of all training texts together: what bags of words are made from must fit into each worker's memory."""
LEAST_LENGTH = 256
"""The longest texts are cut here where there are too many for more."""
MAX_PIECES = 128
MAX_PIECE_ROWS = 10_000
"""More training texts than this are not worth the hours a pretrained model would need to read them."""


class TextEncoder(Encoder):
    """Lower-cased words and signs as ids; 0 pads, 1 is unknown.

    The vocabulary holds the words of the training rows (seen at least twice in larger data), at most 20 000; the length
    is the 95th percentile of the training texts, at most 1024 tokens, less where they are many. The exported model
    takes `tokens`; tokenizer.json (Hugging Face format) makes them. Where a pretrained model is installed there are
    `pieces` as well, at most 128 of a text, in that model's own vocabulary; pieces.json makes those.
    """

    def __init__(self) -> None:
        self.column = ""
        self.tokens: list[str] = []
        self.length = 1
        self.pieces: WordPiece | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.column,)

    @property
    def forms(self) -> Forms:
        """Texts are read as they stand, also where a file holds nothing but digits."""
        return {self.column: Form("text")} if self.column else {}

    def fit(self, dataset: Dataset, rows: np.ndarray) -> None:
        """Learn vocabulary and length from the examples at `rows`."""
        self.column = str(dataset.details["text"])
        most = int(np.clip(MAX_TOKENS // max(1, len(rows)), LEAST_LENGTH, MAX_LENGTH))
        found = [words(text, most) for text in _texts(dataset, rows, self.column)]
        self.tokens = vocabulary(found, MAX_WORDS, min_count=2 if len(found) >= 1000 else 1)
        lengths = [len(tokens) for tokens in found] or [1]
        self.length = int(np.clip(np.ceil(np.percentile(lengths, 95)), 1, most))
        self.pieces = None
        known = pretrained_vocabulary() if len(rows) <= MAX_PIECE_ROWS else None
        if known is not None:
            pieces = WordPiece(known, MAX_PIECES)
            lengths = [len(pieces.encode(text, MAX_PIECES)) + 2 for text in _texts(dataset, rows, self.column)] or [3]
            pieces.length = int(np.clip(np.ceil(np.percentile(lengths, 95)), 3, MAX_PIECES))
            self.pieces = pieces

    def transform(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`tokens` int64 [n, length] and, where there are any, `pieces` int64 [n, piece length]."""
        texts = _texts(dataset, rows, self.column)
        inputs = {}
        if self.tokens:
            ids = {token: number for number, token in enumerate(self.tokens)}
            inputs["tokens"] = to_ids([words(text, self.length) for text in texts], ids, self.length)
        if self.pieces is not None:
            inputs["pieces"] = self.pieces.rows(texts)
        return inputs

    def spec(self, task: TaskSpec, n_train: int) -> DataSpec:
        """Vocabulary size and length."""
        size, pieces = len(self.tokens), 0 if self.pieces is None else self.pieces.length
        return DataSpec("text", task, n_train, vocab_size=size, sequence_length=self.length, piece_length=pieces)

    def raw_inputs(self, dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The same."""
        return self.transform(dataset, rows)

    def graph(self) -> onnx.ModelProto | None:
        """None: the model takes token ids."""
        return None

    def state(self) -> dict[str, Any]:
        """Column, vocabulary, length; the same of the pieces."""
        state = {"column": self.column, "tokens": self.tokens, "length": self.length}
        if self.pieces is not None:
            state |= {"pieces": "\n".join(self.pieces.vocabulary), "piece_length": self.pieces.length}
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TextEncoder:
        """The inverse of `state`."""
        encoder = cls()
        encoder.column, encoder.tokens, encoder.length = state["column"], list(state["tokens"]), int(state["length"])
        if "pieces" in state:
            encoder.pieces = WordPiece(state["pieces"].split("\n"), int(state["piece_length"]))
        return encoder

    def narrowed(self, inputs: Collection[str]) -> TextEncoder:
        """Without the words or without the pieces, where the model takes only the others."""
        state = self.state()
        if "pieces" not in inputs:
            state.pop("pieces", None)
        if "tokens" not in inputs:
            state["tokens"] = []
        return TextEncoder.from_state(state)

    def installed(self) -> tuple[str, ...]:
        """The pretrained model, whose pieces are made where it is there."""
        return () if archive_path() is None else (PRETRAINED,)

    def files(self) -> dict[str, str]:
        """tokenizer.json for the words, pieces.json for the pieces; `tokenizers.Tokenizer.from_file` reads both."""
        files = {"tokenizer.json": word_tokenizer_json(self.tokens, self.length)} if self.tokens else {}
        return files if self.pieces is None else files | {"pieces.json": self.pieces.tokenizer_json()}


@MODALITIES.register
class Text(Modality):
    """A text column and a label column."""

    name = "text"
    title: ClassVar[str] = "Text"

    def profile(self, dataset: Dataset, target: str | None) -> DatasetProfile:
        """Lengths of the texts, and the classes."""
        column = str(dataset.details["text"])
        texts = _texts(dataset, np.arange(dataset.n_rows)[:: max(1, dataset.n_rows // 2000)], column)
        lengths = np.array([len(words(text)) for text in texts])
        details = {"median_words": float(np.median(lengths)), "longest_words": int(lengths.max())}
        found = describe(
            dataset, target, allow_multilabel=True, skip_candidates=(column,), details=details, look_for_leaks=False
        )
        read = {column, found.target, *(find_targets(dataset, target) if target is not None else ())}
        unused = [c.name for c in found.columns if c.name not in read and c.kind not in UNUSED]
        if not unused:
            return found
        said = f"Models for text use the column '{column}' only; not used: {listed(unused)}."
        return found.model_copy(update={"warnings": (*found.warnings, said)})

    def task(self, dataset: Dataset, target: str | None, kind: str | None, metric: str | None) -> TaskSpec:
        """Classification (one label or several) or regression."""
        if target is not None and dataset.details.get("text") in find_targets(dataset, target):
            raise TaskError(
                f"The column '{dataset.details['text']}' holds the texts themselves.",
                hint="Choose the column with the labels as the target.",
            )
        return supervised_task(dataset, target, kind, metric, allow_multilabel=True)

    def encoder(self) -> Encoder:
        """A new, unfitted encoder."""
        return TextEncoder()

    def encoder_from_state(self, state: dict[str, Any]) -> Encoder:
        """The encoder of a stored bundle."""
        return TextEncoder.from_state(state)


def _texts(dataset: Dataset, rows: np.ndarray, column: str) -> list[str]:
    if column not in dataset.frame.columns:
        raise TaskError(
            f"'{dataset.name}' lacks the text column '{column}' that the model reads.",
            details={"missing": [column]},
            hint="Give a table with that column.",
        )
    values = dataset.frame[column].iloc[rows]
    missing = values.isna().to_numpy()
    return ["" if gone else str(value) for value, gone in zip(values.astype(object), missing, strict=True)]
