"""From bytes to text: which character encoding a file is written in."""

from __future__ import annotations

import codecs
import re

from tools.core.errors import TaskError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 200_000
_CENTRAL = ("cp1250", "cp1254", "cp1257", "iso8859_2", "mac_latin2")
_HIGH_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
_AMONG_LETTERS = re.compile(rb"[a-zA-Z][\x80-\xff]|[\x80-\xff][a-zA-Z]")
_ODD_LATIN = re.compile(r"[a-zß-ÿ][¡-¿×÷][a-zß-ÿ]")  # a sign inside a word: not this encoding
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27})


def decode_text(content: bytes, name: str) -> tuple[str, list[str]]:
    """Decode a text file; byte-order marks decide, then UTF-8, then a guess from the bytes.

    Args:
        content: The whole file.
        name: Of the file, for messages.

    Returns:
        The text, and a warning when the encoding was guessed.

    Raises:
        TaskError: the file is empty, or its bytes are not text.
    """
    if not content.strip():
        raise TaskError(f"The file '{name}' is empty.", hint="Choose a file with a header line and rows of data.")
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), []
            except UnicodeDecodeError:
                raise _binary(name) from None
    head = content[:_SAMPLE]
    if len(head.translate(None, _CONTROL)) < 0.995 * len(head) or b"\0" in head:
        raise _binary(name)
    try:
        return content.decode("utf-8"), []
    except UnicodeDecodeError:
        encoding = _guess(content, name)
    return content.decode(encoding), [f"'{name}' is not UTF-8; it was read as {encoding}. Check letters with accents."]


def _guess(content: bytes, name: str) -> str:
    """A legacy encoding in which the bytes make sense.

    In Western and Central European text single high bytes stand among plain letters; in other scripts they make up
    whole words. Detectors confuse the two on short tables, so that is decided first.
    """
    high = sum(byte > 127 for byte in content[:_SAMPLE])
    latin = len(_AMONG_LETTERS.findall(content[:_SAMPLE])) > 0.3 * high
    found = _detected(content)
    if latin:
        if _decodes(content, "cp1252") and not _ODD_LATIN.search(content[:_SAMPLE].decode("cp1252", "ignore")):
            return "cp1252"
        candidates = [name for name, _ in found if name in _CENTRAL]
    else:
        candidates = [name for name, language in found if language != "Unknown" and not name.startswith("utf")]
    for encoding in (*candidates, "cp1252"):
        if _decodes(content, encoding):
            return encoding
    raise _binary(name)


def _detected(content: bytes) -> list[tuple[str, str]]:
    """(encoding, language) as charset_normalizer ranks them for the words that are not plain ASCII."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:  # a bare engine
        return []
    words = dict.fromkeys(_HIGH_WORD.findall(content[:_SAMPLE]))
    lines = dict.fromkeys(line for line in content[:_SAMPLE].split(b"\n") if any(byte > 127 for byte in line))
    ranked = [*from_bytes(b" ".join(words)), *from_bytes(b"\n".join(lines))]
    return [(match.encoding, match.language) for match in ranked]


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def _binary(name: str) -> TaskError:
    return TaskError(
        f"The file '{name}' is not text: its bytes look like a binary file.",
        hint="Save it as CSV (UTF-8), or give it the ending of its real format.",
    )
