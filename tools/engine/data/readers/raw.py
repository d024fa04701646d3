"""What a reader hands on, before tidying."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from tools.core.records import Modality


@dataclass(frozen=True)
class Raw:
    """Content of a source.

    Attributes:
        frame: Rows as they were found.
        fingerprint: Of the content.
        warnings: One sentence for each thing repaired or left out.
        modality: When the source itself tells; None for tables, where the columns decide.
        images: uint8 [n, height, width, channels] for images.
        target: When the source itself tells.
        details: See `Dataset.details`.
        comma_is_decimal: What a comma in a number means where the column alone does not tell.
    """

    frame: pd.DataFrame
    fingerprint: str
    warnings: list[str] = field(default_factory=list)
    modality: Modality | None = None
    images: np.ndarray | None = None
    target: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    comma_is_decimal: bool = False
