"""What people say in the development conversations, for the planner's intent model: `python -m evals.harvest`.

Every conversation is played with the built-in planner. A turn that is one wish and expects one tool says what its
words mean, whatever the planner made of them; they go to `agent/lm/planner/heard.yaml` as the model sees them, with
values as placeholders. Held-out conversations are never read. Afterwards: `python -m agent.lm.planner.train`.
"""

from __future__ import annotations

import argparse
import functools
import logging
import tempfile
from collections import defaultdict
from pathlib import Path

import yaml

from agent.lm.planner.clauses import FRAGMENT
from agent.lm.planner.intent_model import IntentModel
from agent.lm.planner.knowledge import FOLDER, intents
from agent.lm.planner.ranking import log as ranked
from agent.lm.planner.train import examples, fit
from evals.fixtures import make_fixtures
from evals.play import Player
from evals.suite import Conversation, Expect, load_suite

SUITES = Path(__file__).with_name("conversations")
HEARD = FOLDER / "heard.yaml"
MOST_FRAGMENT = 0.1
LEAST_WORDS = 4
HEAD = "# What was said in the development conversations, by intent: written by `python -m evals.harvest`.\n"


class _Ears(logging.Handler):
    """Collects what the planner ranks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if text not in self.heard:
            self.heard.append(text)


def main() -> None:
    """Play and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HEARD)
    parser.add_argument("suites", nargs="*", type=Path, default=sorted(SUITES.glob("*.yaml")))
    given = parser.parse_args()
    found: dict[str, set[str]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as scratch:
        files = make_fixtures(Path(scratch) / "files")
        for suite in given.suites:
            for conversation in load_suite(suite):
                for text, intent in heard(conversation, files):
                    found[intent].add(text)
    kept = {intent: sorted(texts) for intent, texts in sorted(found.items())}
    given.out.write_text(HEAD + yaml.safe_dump(kept, allow_unicode=True, width=200), encoding="utf-8")
    print(f"{sum(map(len, kept.values()))} sentences of {len(kept)} intents in {given.out}")


def heard(conversation: Conversation, files: Path) -> list[tuple[str, str]]:
    """(words with placeholders, intent) of the turns that are one wish.

    Words that only change the last wish ("what about 20?") name no intent of their own and are left out.
    """
    ears = _Ears()
    ranked.addHandler(ears)
    level = ranked.level
    ranked.setLevel(logging.DEBUG)
    pairs = []
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
            player = Player(conversation, Path(home), "plan", None)
            for number, turn in enumerate(conversation.turns):
                ears.heard.clear()
                player.hear(turn, files)
                intent = intent_of(turn.expect)
                if intent is None or len(ears.heard) != 1:
                    continue
                if number and changes(ears.heard[0], intent):
                    continue
                pairs.append((ears.heard[0], intent))
            player.close()
    finally:
        ranked.removeHandler(ears)
        ranked.setLevel(level)
    return pairs


def changes(text: str, intent: str) -> bool:
    """Whether a later turn may only change the wish before it: so think the templates alone, or it names no data."""
    if intent == "train" and "<dataset>" not in text:
        return True
    return _templates_alone().probabilities(text)[FRAGMENT] > MOST_FRAGMENT or len(text.split()) < LEAST_WORDS


@functools.cache
def _templates_alone() -> IntentModel:
    return fit(*examples(heard=False))


def intent_of(expected: Expect) -> str | None:
    """The intent that is served by the tool, and action, a turn expects; None where that is open."""
    serving = [intent for intent in intents() if intent.tool is not None and intent.tool == expected.tool]
    action = (expected.args or {}).get("action")
    named = [intent for intent in serving if len(serving) == 1 or (action and intent.args.get("action") == action)]
    return named[0].name if len(named) == 1 else None


if __name__ == "__main__":
    main()
