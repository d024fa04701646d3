"""A dataset's profile: what it looks like, what could be predicted, what is wrong with it."""

from __future__ import annotations

from tools.core.records import DatasetProfile
from tools.engine.data.dataset import Dataset
from tools.engine.data.modality import MODALITIES


def profile(dataset: Dataset, target: str | None = None) -> DatasetProfile:
    """Describe a dataset (its modality knows how).

    Raises:
        TaskError: `target` is given and is not there; the message lists close matches.
    """
    return MODALITIES.get(dataset.modality).profile(dataset, target)
