"""The architect: which families are searched, and which configurations are tried first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.specialists.brief import Brief, family_names
from tools.core.records import Proposal

_MOST_FIRST_TRIALS = 4


@dataclass(frozen=True)
class Design:
    """`families` empty: all that fit the data. `proposals` enter the search as its first trials."""

    families: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    summary: str


class ModelArchitect:
    """Turns the recommended architecture into first trials.

    A recommendation never narrows the search: it only says where it begins. Names that are no family, and what is
    not a set of parameters, are left out.
    """

    name = "architect"

    def propose(self, brief: Brief) -> Design:
        """Propose first trials in the recommended order."""
        advice = brief.recommendations.architecture
        known = family_names()
        wanted = [name for name in _names(advice.get("families")) if name in known]
        params = advice.get("parameters") or advice.get("params") or {}
        reason = str(advice.get("reason") or "recommended by the task analysis")[:200]
        proposals = tuple(
            Proposal(family=name, params=_params(params, name), reason=reason) for name in wanted[:_MOST_FIRST_TRIALS]
        )
        order = ", ".join(proposal.family for proposal in proposals)
        summary = (
            f"First trials: {order} ({reason})." if order else "All families that fit the data, from their defaults."
        )
        return Design((), proposals, summary)


def _names(value: Any) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else [value] if isinstance(value, str) else []
    return list(dict.fromkeys(str(item) for item in items))


def _params(value: Any, family: str) -> dict[str, Any]:
    """The parameters meant for one family: {family: {…}}."""
    chosen = value.get(family) if isinstance(value, dict) else None
    return {str(key): item for key, item in chosen.items()} if isinstance(chosen, dict) else {}
