"""The preprocessing specialist: how the data is read, checked, split and encoded."""

from __future__ import annotations

from dataclasses import dataclass

from agent.specialists.brief import Brief
from tools.core.config import ValidationSpec
from tools.core.errors import TaskError

_FEWEST_ROWS_PER_FOLD = 5


@dataclass(frozen=True)
class Treatment:
    """The column to predict, how candidates are validated, and what the user should know about the data."""

    target: str | None
    validation: ValidationSpec
    warnings: tuple[str, ...]
    summary: str


class PreprocessingSpecialist:
    """Follows the request; imputing, scaling and encoding are fitted on training rows and become part of the model."""

    name = "preprocessing"

    def propose(self, brief: Brief) -> Treatment:
        """Propose how the data is treated.

        Raises:
            TaskError: the data has too few rows for the folds asked for.
        """
        profile, validation = brief.profile, brief.request.validation
        if validation.method == "cross_validation":
            needed = validation.folds * _FEWEST_ROWS_PER_FOLD
            if profile.n_rows < needed:
                raise TaskError(
                    f"{profile.name} has {profile.n_rows} rows, too few for {validation.folds} folds.",
                    hint=f"Use hold-out validation, or at least {needed} rows.",
                )
            how = f"{validation.folds}-fold cross-validation"
        else:
            how = "hold-out validation"
        target = brief.request.data.target or (None if profile.modality == "corpus" else profile.target)
        gaps = f", {profile.missing} missing values are imputed" if profile.missing else ""
        about = f"target '{target}'" if target else "no target column"
        summary = (
            f"{profile.modality.capitalize()} data, {profile.n_rows} rows, {about}{gaps}; untouched test split, {how}."
        )
        return Treatment(brief.request.data.target, validation, profile.warnings, summary)
