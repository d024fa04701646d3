"""Writing text with an exported character model: sampling in numpy over the logits of onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tools.core.errors import TaskError
from tools.engine.export.memory import Memory

if TYPE_CHECKING:
    from tools.engine.export.bundle_reader import Bundle

N_SPECIAL = 2
"""Ids 0 and 1, padding and unknown, are never written."""
MOST_TOKENS = 20_000


def generate(
    bundle: Bundle,
    prompt: str,
    max_new_tokens: int = 200,
    temperature: float = 0.8,
    seed: int = 0,
    top_p: float = 1.0,
) -> str:
    """Continue a text, one character at a time.

    The model sees the last characters only, as many as its training blocks held. One that remembers (see `memory`) is
    shown each character once; where its memory is full, it begins anew with the last half of it. Characters of the
    prompt that it has never met are shown to it as unknown, and stay in the text.

    Args:
        bundle: A model whose task is generation.
        prompt: How the text begins; may be empty.
        max_new_tokens: Characters to add.
        temperature: 0 always takes the likeliest character; 1 samples as the model believes.
        seed: Owns the sampling.
        top_p: Only the likeliest characters that together have this probability can be drawn; 1 leaves all.

    Returns:
        The prompt and what follows it.

    Raises:
        TaskError: the model does not write text, or an argument is out of range.
    """
    if bundle.task.kind != "generation":
        raise TaskError(
            f"This model does not write text: its task is {bundle.task.kind}.", hint="Give it rows to predict instead."
        )
    if not 1 <= max_new_tokens <= MOST_TOKENS:
        raise TaskError(f"'max_new_tokens' must be from 1 to {MOST_TOKENS} (it was {max_new_tokens}).", hint="Try 200.")
    if not (np.isfinite(temperature) and temperature >= 0):
        raise TaskError(f"'temperature' must be 0 or more (it was {temperature}).", hint="Try 0.8.")
    if not 0 < top_p <= 1:
        raise TaskError(f"'top_p' must be above 0 and at most 1 (it was {top_p}).", hint="Try 0.9.")
    characters = [str(character) for character in bundle.target.classes]
    ids = {character: number for number, character in enumerate(characters)}
    length, name = bundle.target.length, bundle.metadata["inputs"][0]["name"]
    rng = np.random.default_rng(seed)
    # An empty prompt starts after a line break where the text has them, else after its most frequent character.
    tokens = [ids.get(character, 1) for character in prompt] or [ids.get("\n", N_SPECIAL)]
    reader = _Reader(bundle, name, length)
    written = []
    for _ in range(max_new_tokens):
        tokens.append(_draw(reader.read(tokens), temperature, top_p, rng))
        written.append(characters[tokens[-1]])
    return prompt + "".join(written)


class _Reader:
    """Logits of the token after all so far; with a memory, only the new tokens are computed.

    Args:
        bundle: The model.
        name: Of its input of tokens.
        length: Tokens that it can see at once.
    """

    def __init__(self, bundle: Bundle, name: str, length: int) -> None:
        self._bundle, self._name, self._length = bundle, name, length
        self._memory = Memory.of(bundle.session)
        self._kept: dict[str, np.ndarray] = {}
        self._seen = self._places = 0

    def read(self, tokens: list[int]) -> np.ndarray:
        """Logits [vocab] of what follows the tokens, which begin with those of the call before."""
        if self._memory is None:
            found = self._run(tokens[-self._length :], {})
            return np.asarray(found["logits"][0, -1])
        new = tokens[self._seen :]
        if not self._seen:
            new = tokens[-self._length :]
        elif self._memory.grows and self._places + len(new) > self._length:
            self._kept, self._places = {}, 0
            new = tokens[-max(1, self._length // 2) :]
        found = self._run(new, self._kept)
        self._kept = {past: found[present] for past, present in self._memory.names.items()}
        self._seen, self._places = len(tokens), self._places + len(new)
        return np.asarray(found["logits"][0, -1])

    def _run(self, tokens: list[int], kept: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        wanted = ["logits", *(self._memory.names.values() if self._memory else ())]
        return self._bundle.run({self._name: np.array([tokens], dtype=np.int64), **kept}, wanted)


def _draw(logits: np.ndarray, temperature: float, top_p: float, rng: np.random.Generator) -> int:
    """One token id from logits [vocab].

    Source: Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration", section 3.1 (the nucleus).
    """
    logits = logits.astype(np.float64).copy()
    logits[:N_SPECIAL] = -np.inf
    if temperature == 0:
        return int(logits.argmax())
    # The likeliest gets exp(0): however low the temperature is, nothing overflows.
    powers = np.exp((logits - logits.max()) / max(temperature, 1e-6))
    chances = powers / powers.sum()
    if top_p < 1:
        order = np.argsort(-chances, kind="stable")
        before = np.cumsum(chances[order]) - chances[order]
        chances[order[before >= top_p]] = 0.0  # the likeliest one has nothing before it, so it always stays
        chances /= chances.sum()
    return int(rng.choice(len(chances), p=chances))
