"""Sizes, durations and their words. Sizes are bytes (1 MB = 10^6, 1 MiB = 2^20), times are seconds."""

from __future__ import annotations

import math
import re

_SIZES = {
    "": 1, "b": 1, "byte": 1, "bytes": 1,
    "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_TIMES = {
    "ms": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip
_QUANTITY = re.compile(r"(\d+(?:[.,]\d+)?|[.,]\d+)\s*([a-zA-Z]*)")


def parse_size(text: str | float) -> int:
    """Read a size in bytes.

    >>> parse_size("200 kB"), parse_size("1.5GiB"), parse_size(42)
    (200000, 1610612736, 42)

    Raises:
        ValueError: the text is not a number with a known unit.
    """
    if isinstance(text, (int, float)):
        if not math.isfinite(text):
            raise ValueError(f"{text} is not a size; write for instance 200kB, 5MB or 1GiB.")
        return int(text)
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2].lower() not in _SIZES:
        raise ValueError(f"'{text}' is not a size; write for instance 200kB, 5MB or 1GiB.")
    return round(float(match[1].replace(",", ".")) * _SIZES[match[2].lower()])


def parse_duration(text: str | float) -> float:
    """Read a duration in seconds; parts add up.

    >>> parse_duration("90"), parse_duration("1h 30min"), parse_duration("250ms")
    (90.0, 5400.0, 0.25)

    Raises:
        ValueError: the text is not made of numbers with known units.
    """
    if isinstance(text, (int, float)):
        return float(text)
    parts = list(_QUANTITY.finditer(text))
    rest = _QUANTITY.sub("", text).strip(" ,and")
    if not parts or rest or any(part[2].lower() not in _TIMES for part in parts):
        raise ValueError(f"'{text}' is not a duration; write for instance 30s, 5min or 1h30min.")
    return sum(float(part[1].replace(",", ".")) * _TIMES[part[2].lower()] for part in parts)


def _digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):g}"  # three significant digits, never an exponent


def format_size(n_bytes: float) -> str:
    """Write a size for people.

    >>> format_size(512), format_size(31_400), format_size(2_000_000)
    ('512 B', '31.4 kB', '2 MB')
    """
    for unit, factor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(n_bytes) >= factor:
            return f"{_digits(n_bytes / factor)} {unit}"
    return f"{n_bytes:.0f} B"


def format_duration(seconds: float) -> str:
    """Write a duration for people.

    >>> format_duration(0.0021), format_duration(42.3), format_duration(5400)
    ('2.1 ms', '42 s', '1 h 30 min')
    """
    if seconds < 1:
        return f"{_digits(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
