"""The usage section of the card: a few lines of Python that need onnxruntime and numpy alone. A test runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_START = ["import numpy as np, onnxruntime", 'session = onnxruntime.InferenceSession("model.onnx")']
_VOCABULARY = 'ids = json.load(open("tokenizer.json", encoding="utf-8"))["model"]["vocab"]'


def usage(metadata: dict[str, Any]) -> str:
    """Markdown with code that works as it stands in the bundle's folder."""
    write, note = _USAGES[metadata["modality"]]
    code = "\n".join(write(metadata))
    return f"## How to use it\n\nIn this folder, with `pip install onnxruntime`:\n\n```python\n{code}\n```\n\n{note}"


def _columns(metadata: dict[str, Any]) -> list[str]:
    # repr, not JSON: a column name may hold anything, and repr is what Python reads back.
    row = {entry["name"]: entry["typical"] for entry in metadata["inputs"]}
    return [
        *_START,
        f"row = {row!r}",
        "kinds = {i.name: object if i.type == 'tensor(string)' else np.float32 for i in session.get_inputs()}",
        "feed = {name: np.array([[value]], dtype=kinds[name]) for name, value in row.items()}  # [rows, 1] each",
        _show(metadata),
    ]


def _pixels(metadata: dict[str, Any]) -> list[str]:
    entry = metadata["inputs"][0]
    height, width, channels = (size or 1 for size in entry["shape"][1:])
    return [
        *_START,
        f"images = np.zeros((1, {height}, {width}, {channels}), dtype=np.uint8)  # rows, height, width, channels",
        f"feed = {{{entry['name']!r}: images}}",
        _show(metadata),
    ]


def _words(metadata: dict[str, Any]) -> list[str]:
    entry = metadata["inputs"][0]
    length = entry["length"]
    if any(entry["kind"] == "pieces" for entry in metadata["inputs"]):
        return _pieces(metadata)
    return [
        "import json, re",
        *_START,
        _VOCABULARY,
        r'words = re.findall(r"\w+|[^\w\s]", "your text here".lower())',
        f"known = [ids.get(word, 1) for word in words[:{length}]] or [1]",
        f"feed = {{{entry['name']!r}: np.array([known + [0] * ({length} - len(known))], dtype=np.int64)}}",
        _show(metadata),
    ]


def _pieces(metadata: dict[str, Any]) -> list[str]:
    files = {"tokens": "tokenizer.json", "pieces": "pieces.json"}
    return [
        "from tokenizers import Tokenizer  # pip install tokenizers",
        *_START,
        f"files = { {entry['name']: files[entry['kind']] for entry in metadata['inputs']}!r}",
        "ids = {name: Tokenizer.from_file(file).encode('your text here').ids for name, file in files.items()}",
        "feed = {name: np.array([row], dtype=np.int64) for name, row in ids.items()}",
        _show(metadata),
    ]


def _characters(metadata: dict[str, Any]) -> list[str]:
    entry = metadata["inputs"][0]
    return [
        "import json",
        *_START,
        _VOCABULARY,
        f'feed = {{{entry["name"]!r}: np.array([[ids.get(c, 1) for c in "your text"][-{entry["length"]}:]])}}',
        'logits = session.run(["logits"], feed)[0][0, -1]  # of the next character',
        "print(list(ids)[2 + int(np.argmax(logits[2:]))])  # 0 and 1 are padding and unknown",
    ]


def _show(metadata: dict[str, Any]) -> str:
    names = metadata["outputs"]
    return f"print(dict(zip({names!r}, session.run({names!r}, feed))))"


_USAGES: dict[str, tuple[Callable[[dict[str, Any]], list[str]], str]] = {
    "tabular": (
        _columns,
        "Numbers are float32, a missing one is NaN; categories are text, a missing one is the empty text, and one that "
        "the training has not seen counts as unknown. `metadata.json` says under `inputs` which column each input is.",
    ),
    "image": (_pixels, "Pixels are 0 to 255, of pictures of exactly this size; scaling is done in the model."),
    "text": (
        _words,
        "The JSON files beside the model are read by the `tokenizers` package (`Tokenizer.from_file`), which gives the "
        "same ids and also knows scripts that write no spaces between words.",
    ),
    "corpus": (
        _characters,
        "For more text, append the character and ask again, with no more characters at a time than shown. Quicker: ask "
        "for the outputs `present_…` too, feed them back as `past_…`, and give the new character alone. "
        "`tokenizer.json` is read by the `tokenizers` package as well.",
    ),
}
