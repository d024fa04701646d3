"""What every specialist is given: the request, the frame, the data's profile, and the analysis of the task."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, field

from tools.core.config import AutoMLConfig, AutoMLRequest
from tools.core.records import AutoMLRecommendations, DatasetProfile, TaskRequirements


@dataclass(frozen=True)
class Brief:
    """The facts a proposal rests on."""

    config: AutoMLConfig
    request: AutoMLRequest
    profile: DatasetProfile
    requirements: TaskRequirements = field(default_factory=TaskRequirements)
    recommendations: AutoMLRecommendations = field(default_factory=AutoMLRecommendations)


def family_names() -> tuple[str, ...]:
    """The model families there are: a file's name is the family's, so nothing heavy is loaded to know them."""
    import tools.engine.families as package

    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return tuple(sorted(name for name in found if name != "family" and not name.startswith("_")))
