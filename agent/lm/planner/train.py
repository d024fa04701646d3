"""Train the intent model: `python -m agent.lm.planner.train [--check]`.

It learns from `utterances.yaml`, templates by hand, `sayings.yaml`, single sentences, and `heard.yaml`, what was said
in the development conversations (`python -m evals.harvest`).
"""

from __future__ import annotations

import argparse

import numpy as np

from agent.lm.planner.features import dense
from agent.lm.planner.intent_model import PATH, IntentModel
from agent.lm.planner.knowledge import data
from agent.lm.planner.language import gloss
from agent.lm.planner.quantities import canonical
from agent.lm.planner.templates import spell_out
from agent.lm.planner.text import mask_numbers

LEAST = 12
"""Sentences of one template; more where it has many choices."""
_TIMES_HEARD = 3
"""What was really said counts as much as so many sentences of templates."""
_C = 40.0
_SEED = 0


def examples(least: int = LEAST, seed: int = _SEED, heard: bool = True) -> tuple[list[str], list[str]]:
    """Sentences as the planner will see them, and their intents; those of other languages also word by word.

    Args:
        least: Sentences of one template.
        seed: Of the choices in templates.
        heard: Whether to add what was said in the conversations.
    """
    texts: list[str] = []
    names: list[str] = []
    for name, templates in data("utterances").items():
        sentences: list[str] = []
        for saying in data("sayings").get(name, ()):
            sentences += _both(str(saying).lower())
        for template in templates:
            for sentence in spell_out(str(template), least, seed):
                sentences += _both(sentence)
        seen = list(dict.fromkeys(mask_numbers(canonical(sentence)) for sentence in sentences))
        if heard:
            seen += [str(sentence) for sentence in data("heard").get(name, ())] * _TIMES_HEARD
        texts += seen
        names += [name] * len(seen)
    return texts, names


def _both(sentence: str) -> list[str]:
    """A sentence, and for another language the same in English terms."""
    other = gloss(sentence)
    return [sentence] if other == sentence else [sentence, other]


def fit(texts: list[str], names: list[str]) -> IntentModel:
    """Fit the regression; the same texts give the same weights."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_C, max_iter=400, class_weight="balanced")
    model.fit(dense(texts), np.asarray(names))
    return IntentModel(
        tuple(str(name) for name in model.classes_),
        model.coef_.T.astype(np.float32),
        model.intercept_.astype(np.float32),
    )


def main() -> None:
    """Train on everything and save; `--check` first tells how well sentences of unseen templates are told apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="hold every fifth template out and report, without saving")
    texts, names = examples()
    if parser.parse_args().check:
        held = np.arange(len(texts)) % 5 == 0
        model = fit([t for t, h in zip(texts, held, strict=True) if not h],
                    [n for n, h in zip(names, held, strict=True) if not h])  # fmt: skip
        judged = [(t, n, model.probabilities(t)) for t, n, h in zip(texts, names, held, strict=True) if h]
        wrong = [(t, n, max(p, key=lambda k: p[k])) for t, n, p in judged if max(p, key=lambda k: p[k]) != n]
        print(f"{len(judged) - len(wrong)} of {len(judged)} held-out sentences right")
        for text, name, got in wrong[:40]:
            print(f"  {name} taken for {got}: {text}")
        return
    fit(texts, names).save()
    print(f"{len(texts)} sentences, {len(set(names))} intents, {PATH.stat().st_size / 1000:.0f} kB in {PATH.name}")


if __name__ == "__main__":
    main()
