"""When bfloat16 and TF32 pay, and how training runs under them. Predictions are always made in full float32."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch


@cache
def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 natively (AMX or AVX512-BF16); elsewhere it is emulated and slow."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="ignore")
    except OSError:
        return False
    return "amx_bf16" in flags or "avx512_bf16" in flags


def has_bf16(device: str) -> bool:
    """Whether the device multiplies bfloat16 natively."""
    return torch.cuda.is_bf16_supported() if device == "cuda" else cpu_has_bf16()


def bf16_pays(device: str, width: int, rows: int) -> bool:
    """Whether autocast to bfloat16 speeds up layers of this width on batches of this many rows.

    Measured on a CPU with AVX512-BF16 (time without / with): 64 x 128 slower, 256 x 256 1.5, 512 x 1024 2.3.

    Args:
        device: "cpu" or "cuda".
        width: Inputs (and outputs) of the typical layer.
        rows: Rows of the matrix it multiplies (batch, times positions for convolutions and sequences).
    """
    return width >= 256 and rows >= (512 if device == "cuda" else 256) and has_bf16(device)


def bf16_pays_in_convolutions(device: str, channels: int, positions: int) -> bool:
    """Whether autocast to bfloat16 speeds up full (not depthwise) convolutions.

    Measured on a CPU with AVX512-BF16, kernels of 3 x 3 (time without / with): 24 channels x 2048 positions 1.25,
    24 x 8192 1.6, 16 x 100,000 1.9, 48 x 100,000 2.5.

    Args:
        device: "cpu" or "cuda".
        channels: Channels of the first stage.
        positions: Positions of a batch: pictures times height times width.
    """
    if device == "cuda":
        return bf16_pays(device, 9 * channels, positions)
    return channels * positions >= 100_000 and has_bf16(device)


@contextlib.contextmanager
def training_precision(device: str, bf16: bool) -> Iterator[None]:
    """TF32 on a GPU, bfloat16 autocast where asked; the settings of before come back on leaving.

    Casts are not cached: the cache lives as long as the context, which spans many updates of the weights.
    """
    if device != "cuda":
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16, cache_enabled=False):
            yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        cast = torch.autocast("cuda", torch.bfloat16, enabled=bf16, cache_enabled=False)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=True), cast:
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@contextlib.contextmanager
def full_precision(device: str) -> Iterator[None]:
    """Plain float32 without gradients, so that a prediction equals the exported graph's."""
    with torch.no_grad():
        if device != "cuda":
            yield
            return
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
