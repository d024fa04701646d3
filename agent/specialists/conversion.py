"""The conversion specialist: in which form the model is delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agent.specialists.brief import Brief
from tools.core.records import ExperimentRecord
from tools.core.units import format_size

Precision = Literal["fp32", "fp16", "int8", "auto"]


@dataclass(frozen=True)
class Delivery:
    """`convert`: the arguments of a further conversion after training, or None when the bundle is right as it is."""

    convert: dict[str, Any] | None
    summary: str


class ConversionSpecialist:
    """Delivers the verified fp32 ONNX bundle; proposes a smaller precision only where a size limit is missed."""

    name = "conversion"

    def propose(self, brief: Brief, record: ExperimentRecord) -> Delivery:
        """Look at the finished experiment and say whether another precision is worth trying."""
        missed = next((c for c in record.constraints if c.name == "max_model_size" and not c.met), None)
        if missed is None or missed.measured is None:
            size = format_size(record.best.model_size) if record.best and record.best.model_size else "the bundle"
            return Delivery(None, f"ONNX bundle in full precision ({size}), checked against the trained model.")
        precision: Precision = "int8" if missed.measured > 2 * missed.asked else "auto"
        summary = (
            f"The model has {format_size(missed.measured)} of {format_size(missed.asked)} allowed: "
            f"{precision} is tried, and kept only if it passes its checks."
        )
        return Delivery({"experiment": record.id, "precision": precision}, summary)
