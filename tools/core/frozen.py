"""The base of every record: frozen, strict about unknown fields, with messages people understand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tools.core.errors import TaskError


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    @classmethod
    def read(cls, data: dict[str, Any]) -> Self:
        """Validate `data` like `model_validate`, but raise one plain sentence.

        Raises:
            TaskError: names every field that is wrong, what was found and what is allowed.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise TaskError(explain(error, cls), hint="Correct this and send it again.") from None


_MUST_BE = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object with fields",
    "model_type": "an object with fields",
}
"""What pydantic's messages about types mean for people."""


def explain(error: ValidationError, model: type[BaseModel], title: Callable[[str], str] = str) -> str:
    """Turn a pydantic error into one sentence a person understands.

    Args:
        error: What pydantic found.
        model: The record.
        title: How a field is called where the user wrote it, for instance on the command line.

    >>> from tools.core.config import DataSource
    >>> try:
    ...     DataSource.model_validate({"source": 3, "speed": 3})
    ... except ValidationError as error:
    ...     print(explain(error, DataSource))
    'source' must be a text (it was 3); 'speed' is not a known field (known: source, target, ignore).
    """
    parts = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["loc"]:
            first = str(item["loc"][0])
            where = title(first) + where[len(first) :]
        if item["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) if len(item["loc"]) == 1 else ""
            parts.append(f"'{where}' is not a known field" + (f" (known: {known})" if known else ""))
        elif item["type"] == "missing":
            parts.append(f"'{where}' is missing")
        elif item["type"] == "value_error":
            said = str(item["ctx"]["error"])  # of the whole record it names its fields itself
            parts.append(f"'{where}': {said}" if where else said[0].upper() + said[1:])
        else:
            said = item["msg"][0].lower() + item["msg"][1:]
            said = _MUST_BE.get(item["type"], said.removeprefix("input should be "))
            found = repr(item["input"])
            what = f"'{where}'" if where else "it"
            parts.append(f"{what} must be {said} (it was {found[:60]}{_percent(item)})")
    return "; ".join(parts) + "."


def _percent(item: Mapping[str, Any]) -> str:
    """Shares are often written as percentages: how to write that one instead."""
    found = item["input"]
    if item["type"] != "less_than_equal" or item.get("ctx", {}).get("le") != 1 or not isinstance(found, (int, float)):
        return ""
    return f"; for {found:g} % write {found / 100:g}" if 1 < found <= 100 else ""
