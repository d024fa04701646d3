"""Training steps recorded as CUDA graphs: a small model's step is bound by the launches of its kernels, not by them."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

log = logging.getLogger(__name__)
Update = Callable[[list[Tensor], Tensor, Tensor], Tensor]
"""(inputs, target, learning rate) -> loss; changes the weights in place and waits for nothing."""
_PLAIN_STEPS = 3
"""Libraries set themselves up in the first steps, which must not be recorded."""


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection: what an earlier model held on the device must not be freed during a recording."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@dataclass(frozen=True)
class _Recording:
    """A graph, and the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    read: list[Tensor]
    loss: Tensor


class Replay:
    """Calls an update a few times as it is, then records it once for every shape of batch and replays the recording.

    An update that cannot be recorded (it waits for the device, say) goes on as it is.

    Args:
        generator: CUDA generator that the updates draw from.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._plain_left = _PLAIN_STEPS
        self._recordings: dict[tuple[torch.Size, ...], _Recording] = {}
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, update: Update, inputs: list[Tensor], target: Tensor, rate: float) -> Tensor:
        """One step; returns its loss.

        Args:
            update: The same in every call. It is not kept: the model it belongs to would live on with it.
            inputs: Of the batch.
            target: Of the batch.
            rate: Learning rate.
        """
        given = [*inputs, target]
        shapes = tuple(tensor.shape for tensor in given)
        recording = self._recordings.get(shapes)
        if recording is None:
            if self._plain_left > 0:
                self._plain_left -= 1
                return self._plain(update, given, rate)
            recording = self._record(update, given, rate)
            if recording is None:
                self._plain_left = 2**62
                return self._plain(update, given, rate)
            self._recordings[shapes] = recording
        for static, tensor in zip(recording.read, given, strict=False):
            static.copy_(tensor)
        recording.read[-1].fill_(rate)
        recording.graph.replay()
        return recording.loss.clone()

    def _plain(self, update: Update, given: list[Tensor], rate: float) -> Tensor:
        """A step outside of any graph, on a stream of its own as recording asks for."""
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = update(given[:-1], given[-1], torch.tensor(rate, device=given[-1].device))
        current.wait_stream(self._stream)
        return loss

    def _record(self, update: Update, given: list[Tensor], rate: float) -> _Recording | None:
        read = [*(tensor.clone() for tensor in given), torch.tensor(rate, device=given[-1].device)]
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        try:
            capture = torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local")
            with _no_collection(), capture:
                loss = update(read[:-2], read[-2], read[-1])
        except RuntimeError as error:
            log.info("A training step could not be recorded as a CUDA graph: %s", str(error).splitlines()[0])
            torch.cuda.synchronize()
            # A recording that breaks off leaves the generator waiting for its end; it goes on with a state of its own.
            fresh = torch.Generator("cuda").manual_seed(self._generator.initial_seed() + 1)
            self._generator.graphsafe_set_state(fresh.graphsafe_get_state())
            return None
        return _Recording(graph, read, loss)
