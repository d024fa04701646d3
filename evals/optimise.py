"""Better instructions for a language model: `python -m evals.optimise --lm openai/gpt-4o-mini`.

GEPA, the optimiser behind `dspy.GEPA`, plays development conversations with the real agent in plan mode, shows a
language model what went wrong, and keeps the instructions with which more turns are right on conversations it did not
see while they were written. The result is saved as `program.json` in the home folder (or where `--out` says) and used
by every conversation from then on; delete the file to go back. The built-in planner has no instructions to optimise.

Source: Agrawal et al. (2025), "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning".
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import program
from agent.lm.settings import PLANNER, backend_for
from agent.signatures import Converse
from evals.fixtures import make_fixtures
from evals.play import TurnReport, play
from evals.suite import Conversation, load_suite
from tools.core.errors import AutoMLError, TaskError
from tools.tracking.home import home_folder

SUITE = Path(__file__).with_name("conversations")
COMPONENT = "instructions"
FORBIDDEN_COST = 1.0


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lm", required=True, help="the model to write instructions for, as in AUTOML_LM")
    parser.add_argument("--reflection-lm", help="the model that writes them (default: the same)")
    parser.add_argument("--suite", type=Path, default=SUITE)
    parser.add_argument("--learn", type=int, default=40, help="conversations to learn from")
    parser.add_argument("--judge", type=int, default=40, help="other conversations to choose by")
    parser.add_argument("--plays", type=int, default=400, help="conversations played at most, over all candidates")
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--out", type=Path, help="default: program.json in the home folder")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    try:
        found = optimise(
            given.lm, given.reflection_lm or given.lm, given.suite, given.learn, given.judge, given.plays, given.seed
        )
    except AutoMLError as error:
        sys.exit(f"{error.message} {error.hint}")
    path = given.out or program.program_file(home_folder(given.home))
    before, after = found["before"], found["after"]
    print(f"Right turns on the judging conversations: {before:.1%} with the written instructions, {after:.1%} now.")
    if after <= before:
        print("Nothing better was found in this many plays, so nothing is saved.")
        return
    program.save(path, found.pop(COMPONENT), lm=given.lm, optimiser="GEPA", **found)
    used = "" if given.out else "; conversations use it from now on"
    print(f"Saved to {path}{used}.")


def optimise(
    lm: str, reflection_lm: str, suite: Path, n_learn: int, n_judge: int, n_plays: int, seed: int
) -> dict[str, Any]:
    """Search for instructions.

    Returns:
        {instructions, before, after, plays}: the scores are shares of right turns on the judging conversations.

    Raises:
        TaskError: there is no such model, or no such suite.
    """
    from gepa.api import optimize

    if lm == PLANNER or reflection_lm == PLANNER:
        raise TaskError(
            "The built-in planner has no instructions to optimise.", hint="Name a language model, as in AUTOML_LM."
        )
    writer = backend_for(reflection_lm).build(reflection_lm)
    backend_for(lm).build(lm)  # a name that cannot be used is told before anything is played
    conversations = [one for one in load_suite(suite) if not one.staged]
    random.Random(seed).shuffle(conversations)
    learn, judge = conversations[:n_learn], conversations[n_learn : n_learn + n_judge]
    if not learn or not judge:
        raise TaskError(
            f"{len(conversations)} conversations are too few to learn from {n_learn} and judge by others.",
            hint="Use smaller --learn and --judge.",
        )
    with tempfile.TemporaryDirectory(prefix="automl-optimise-") as scratch:
        files = make_fixtures(Path(scratch) / "files")
        adapter: Any = Plays(lm, files, Path(scratch) / program.FILE)
        result: Any = optimize(
            seed_candidate={COMPONENT: str(Converse.instructions)},
            trainset=learn,
            valset=judge,
            adapter=adapter,
            reflection_lm=lambda prompt: _text(writer(prompt)[0]),
            max_metric_calls=n_plays,
            seed=seed,
            display_progress_bar=sys.stderr.isatty(),
        )
    scores = result.val_aggregate_scores
    return {
        COMPONENT: str(result.best_candidate[COMPONENT]),
        "before": round(scores[0], 4),
        "after": round(max(scores), 4),
        "plays": result.total_metric_calls,
    }


def _text(reply: Any) -> str:
    """A reply's text; models that reason give it beside their reasoning."""
    return str(reply["text"] if isinstance(reply, dict) else reply)


class Plays:
    """GEPA's view of the agent: a candidate is played, and what went wrong is told in words (a `GEPAAdapter`).

    Args:
        lm: The model that converses.
        files: Where attached files lie.
        path: Where the candidate is put for the agent to find.
    """

    propose_new_texts = None
    """GEPA writes the proposals itself."""

    def __init__(self, lm: str, files: Path, path: Path) -> None:
        self._lm, self._files, self._path = lm, files, path

    def evaluate(self, batch: list[Conversation], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        """Play the conversations with a candidate's instructions."""
        from gepa.core.adapter import EvaluationBatch

        program.save(self._path, candidate[COMPONENT])
        before = os.environ.get(program.VARIABLE)
        os.environ[program.VARIABLE] = str(self._path)
        try:
            played = [play(one, self._files, "plan", self._lm) for one in batch]
            for turn in (turn for turns in played for turn in turns):
                if turn.infrastructure:  # an outage would make the instructions of the moment look bad
                    raise TaskError(turn.infrastructure, hint="Nothing was saved; run it again when the model answers.")
        finally:
            if before is None:
                del os.environ[program.VARIABLE]
            else:
                os.environ[program.VARIABLE] = before
        scores = [score(turns) for turns in played]
        return EvaluationBatch(outputs=played, scores=scores, trajectories=played if capture_traces else None)

    def make_reflective_dataset(
        self, candidate: dict[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Every turn with what the agent did and what it should have done."""
        told = [
            {
                "Inputs": {"user": turn.user},
                "Generated Outputs": turn.got,
                "Feedback": "Right." if turn.right else f"Wrong: {'; '.join(turn.misses)}. Expected: {turn.expected}",
            }
            for turns in eval_batch.trajectories
            for turn in turns
        ]
        return dict.fromkeys(components_to_update, told)


def score(turns: Sequence[TurnReport]) -> float:
    """Share of right turns of a conversation; an act that was forbidden costs as much as all of them."""
    right = sum(turn.right for turn in turns) / max(1, len(turns))
    return max(0.0, right - FORBIDDEN_COST * any(turn.forbidden for turn in turns))


if __name__ == "__main__":
    main()
