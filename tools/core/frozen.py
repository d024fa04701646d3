"""The base of every record: frozen, strict about unknown fields, with messages people understand."""

from __future__ import annotations

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


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Turn a pydantic error into one sentence a person understands.

    >>> from tools.core.config import DataSource
    >>> try:
    ...     DataSource.model_validate({"source": 3, "speed": 3})
    ... except ValidationError as error:
    ...     print(explain(error, DataSource))
    'source' must be valid string (it was 3); 'speed' is not a known field (known: source, target).
    """
    parts = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
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
            said = (
                said.removeprefix("input should be a ")
                .removeprefix("input should be an ")
                .removeprefix("input should be ")
            )
            found = repr(item["input"])
            parts.append(f"'{where}' must be {said} (it was {found[:60]})")
    return "; ".join(parts) + "."
