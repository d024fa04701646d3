"""What a language model reads back from a tool: one JSON object under about 1 kB. The full record is in the store."""

from __future__ import annotations

import json
from typing import Any

LIMIT = 1000
_SUMMARY = 560


def observation(**facts: Any) -> str:
    """Write the facts as JSON, shortened to `LIMIT` characters: first `data`, then long texts."""
    facts = {key: value for key, value in facts.items() if value not in (None, "", [], (), {})}
    if "summary" in facts:
        facts["summary"] = _clip(str(facts["summary"]), _SUMMARY)
    for items, chars in ((30, 200), (12, 120), (6, 80), (3, 40), (1, 24)):
        text = json.dumps({**facts, **_shorter(facts, items, chars)}, ensure_ascii=False, default=str)
        if len(text) <= LIMIT:
            return text
    facts.pop("data", None)
    text = json.dumps(facts, ensure_ascii=False, default=str)
    if len(text) <= LIMIT:
        return text
    return json.dumps({key: _clip(str(value), 120) for key, value in facts.items()}, ensure_ascii=False)[:LIMIT]


def _shorter(facts: dict[str, Any], items: int, chars: int) -> dict[str, Any]:
    return {"data": _prune(facts["data"], items, chars)} if "data" in facts else {}


def _prune(value: Any, items: int, chars: int) -> Any:
    if isinstance(value, dict):
        return {str(key): _prune(inner, items, chars) for key, inner in list(value.items())[: max(items, 8)]}
    if isinstance(value, (list, tuple)):
        head = [_prune(inner, items, chars) for inner in value[:items]]
        return [*head, f"… {len(value) - items} more"] if len(value) > items else head
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return _clip(value, chars) if isinstance(value, str) else value


def _clip(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"
