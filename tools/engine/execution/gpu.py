"""What the GPU has free, asked of the driver's own program: asking torch would take half a gigabyte of it."""

from __future__ import annotations

import os
import subprocess


def free_memory() -> int:
    """Bytes that the first visible GPU has free; 0 when unknown."""
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip() or "0"
    command = ["nvidia-smi", "-i", first, "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout
        return int(float(said.split()[0]) * 2**20)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0
