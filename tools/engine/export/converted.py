"""Writing a converted model: the original bundle with another model file in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tools.engine.export.bundle_reader import CARD_FILE, METADATA_FILE, MODEL_FILE, Bundle, fingerprint
from tools.engine.export.card import model_card
from tools.engine.export.jsonable import write_json


def write_converted(bundle: Bundle, model: Path, measured: dict[str, Any], out: Path) -> Path:
    """Write a bundle that differs from `bundle` in its model file, and say so in its metadata and card.

    Args:
        bundle: The original.
        model: The converted file.
        measured: What was measured of it: precision, method, size_bytes, latency_ms, metric, metric_before, drop,
            where.
        out: Folder of the new bundle; replaced when it exists.

    Returns:
        `out`.
    """
    draft = out.with_name(f"{out.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copytree(bundle.path, draft)
        (draft / MODEL_FILE).write_bytes(model.read_bytes())
        metadata = json.loads((draft / METADATA_FILE).read_text(encoding="utf-8"))
        metadata |= {
            "fingerprint": fingerprint(draft / MODEL_FILE),
            "precision": measured["precision"],
            "size_bytes": measured["size_bytes"],
            "latency_ms": measured["latency_ms"],
            "conversion": {**measured, "from": bundle.metadata["fingerprint"]},
        }
        write_json(draft / METADATA_FILE, metadata)
        (draft / CARD_FILE).write_text(model_card(metadata), encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return out
