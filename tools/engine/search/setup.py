"""What a search stands on: the families that take the data, and the workers that train them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.core.custom import SUFFIX
from tools.core.errors import OptimizationError, ResourceError
from tools.core.records import ExperimentPlan, Limits
from tools.core.units import format_size
from tools.engine.data.ceiling import accuracy_ceiling
from tools.engine.execution import gpu, machine, process
from tools.engine.execution.custom import find_family, load_family
from tools.engine.execution.pool import InlinePool, Pool, WorkerPool
from tools.engine.execution.worker import WorkerSetup
from tools.engine.families.family import FAMILIES, Family
from tools.engine.search.monitor import AutoMLMonitor
from tools.engine.search.prepare import Prepared, Source
from tools.engine.search.space import Space, make_space

WORKER_LEAST_BYTES = 150_000_000
LEAST_DISK_BYTES = 2_000_000
"""Journal, events, a few checkpoints and the bundle of a small model."""
FREE_SHARE = 0.9
"""Of the free memory, without a limit: the rest is for what other programs come to want."""


def choose_space(plan: ExperimentPlan, prepared: Prepared) -> Space:
    """The families that take this data, as far as the plan allows, ordered by who proposes them first.

    Raises:
        TaskError: none is left.
    """
    spec = prepared.full.spec
    if plan.families:
        named = [load_family(name) if name.endswith(SUFFIX) else FAMILIES.get(name) for name in plan.families]
        fitting = [family for family in named if family.fits(spec)]
        if not fitting:
            raise OptimizationError(
                f"None of the model families asked for ({', '.join(plan.families)}) takes this data.",
                hint=f"Leave them out, or use: {', '.join(family.name for family in FAMILIES if family.fits(spec))}.",
            )
    else:
        fitting = [family for family in FAMILIES if family.fits(spec)]
        largest = plan.limits.max_model_size
        small = [family for family in fitting if largest is None or family.least_bytes(spec) <= largest]
        fitting = small or fitting
    if not fitting:
        raise OptimizationError(
            f"There is no model family for {spec.task.kind} on {spec.modality} data.", hint="Choose another task."
        )
    if not plan.families:
        fitting.sort(key=lambda family: (family.turn, family.name))
    families: dict[str, Family] = {family.name: family for family in fitting}
    return make_space(families, spec, plan.fixed_params)


def check_ceiling(limits: Limits, source: Source) -> None:
    """See that test rows which contradict each other leave the accuracy that is asked for possible.

    Raises:
        ResourceError: they do not; with what they leave.
    """
    if limits.min_accuracy is None or "accuracy_ceiling" not in source.profile.details:
        return
    kinds: dict[str, str] = {column.name: column.kind for column in source.profile.columns}
    ceiling = accuracy_ceiling(source.dataset.frame.iloc[source.splits.test], source.task, kinds)
    if ceiling is not None and limits.min_accuracy > ceiling.accuracy:
        most = math.floor(1000 * ceiling.accuracy) / 10
        raise ResourceError(
            f"{100 * limits.min_accuracy:g} % accuracy cannot be reached on '{source.profile.name}': {ceiling.wrong} "
            f"of the {ceiling.rows} test rows have the inputs of others but another class, which leaves {most:g} %.",
            hint=f"Ask for {most:g} % or less, or add columns that tell those rows apart.",
            details={"accuracy_ceiling": ceiling.accuracy},
        )


def check_disk(limits: Limits, folder: Path) -> None:
    """See that the encoded data leave room for a model and its checkpoints.

    Raises:
        ResourceError: they do not; with what would.
    """
    taken = process.folder_bytes(folder)
    needed = taken + LEAST_DISK_BYTES
    if limits.max_disk is not None and needed > limits.max_disk:
        raise ResourceError(
            f"The run needs about {format_size(needed)} of disk space and {format_size(limits.max_disk)} are allowed.",
            hint=f"Allow at least {format_size(needed)}.",
            details={"needed_bytes": needed},
        )


def start_pool(plan: ExperimentPlan, prepared: Prepared, monitor: AutoMLMonitor, inline: bool) -> tuple[Pool, int]:
    """Start the workers; memory limits are shared out among them.

    Raises:
        ResourceError: the memory limit, or what the machine has free, is less than one worker needs.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    limits = plan.limits
    free = machine.inspect()
    if device == "cuda":
        free = replace(free, device=device, gpu_memory=gpu.free_memory())
    n_workers, threads = machine.plan_workers(free, prepared.data_bytes, limits.max_memory, limits.max_gpu_memory)
    left = memory_left(free.memory, process.peak_bytes(), limits.max_memory, inline)
    n_workers = max(1, min(n_workers, left // WORKER_LEAST_BYTES))
    setup = WorkerSetup(
        threads=free.free_cores if inline else threads,
        device=device,
        memory=left // n_workers,
        gpu_memory=None if limits.max_gpu_memory is None else limits.max_gpu_memory // n_workers,
        families=partial(find_family, custom=tuple(name for name in plan.families if name.endswith(SUFFIX))),
    )
    if inline:
        torch.set_num_threads(max(1, free.free_cores))
        return InlinePool(setup), 0
    torch.set_num_threads(1)  # the parent exports and measures beside its busy workers
    pool = WorkerPool(setup, n_workers)
    monitor.workers_memory = pool.memory
    return pool, n_workers


def memory_left(free: int, own: int, max_memory: int | None, inline: bool) -> int:
    """Bytes that all workers together may take.

    Args:
        free: Bytes that this machine or container still has.
        own: Bytes that this process takes.
        max_memory: Limit of the whole job; None where there is none.
        inline: Whether trials run in this process.

    Raises:
        ResourceError: that is less than one worker needs.
    """
    # The fork server shares most of what it holds with its workers and holds about what this process holds.
    shared = 0 if inline else own // 2
    room = int(FREE_SHARE * free) if max_memory is None else min(max_memory - own, free)
    left = room - shared
    if left >= WORKER_LEAST_BYTES:
        return left
    if max_memory is not None and max_memory - own <= free:
        needed = max_memory - left + WORKER_LEAST_BYTES
        raise ResourceError(
            f"Training needs about {needed / 1e6:.0f} MB of memory and {max_memory / 1e6:.0f} MB are allowed.",
            hint=f"Allow at least {needed / 1e6:.0f} MB.",
            details={"needed_bytes": needed},
        )
    needed = int((WORKER_LEAST_BYTES + shared) / FREE_SHARE)
    raise ResourceError(
        f"Training needs about {needed / 1e6:.0f} MB of free memory and {free / 1e6:.0f} MB are free.",
        hint="Close other programs, or give the container more memory.",
        details={"needed_bytes": needed},
    )
