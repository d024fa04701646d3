"""Is this table about one text? A long text column, a label column, and little else."""

from __future__ import annotations

import pandas as pd

from tools.engine.data.columns import UNUSED, column_kinds, words_per_value

_LONG = 4.0
_IDLE = UNUSED | {"date"}


def text_column(frame: pd.DataFrame, target: str | None, kinds: dict[str, str] | None = None) -> str | None:
    """The column that makes this a text dataset, or None for an ordinary table.

    With nothing but one text column and a label, two words a row are enough. With one more informative column the texts
    must be long (at least four words on average, six beside numbers); with more it is a table.
    """
    kinds = kinds or column_kinds(frame)
    texts = [name for name, kind in kinds.items() if kind == "text" and name != target]
    if not texts:
        return None
    lengths = {name: words_per_value(frame[name]) for name in texts}
    best = max(texts, key=lambda name: lengths[name])
    if any(name != best and lengths[name] > 0.5 * lengths[best] and lengths[name] >= _LONG for name in texts):
        return None
    others = [
        name for name, kind in kinds.items() if kind not in _IDLE and name not in (best, target) and name not in texts
    ]
    n_extra = len(others) if target is not None else max(0, len(others) - 1)
    if n_extra == 0:
        return best
    numbers = any(kinds[name] == "number" for name in others)
    return best if n_extra == 1 and lengths[best] >= (1.5 * _LONG if numbers else _LONG) else None
