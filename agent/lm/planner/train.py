"""Train the intent model from `utterances.yaml`: `python -m agent.lm.planner.train [--check]`."""

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
_C = 40.0
_SEED = 0


def examples(least: int = LEAST, seed: int = _SEED) -> tuple[list[str], list[str]]:
    """Sentences as the planner will see them, and their intents; those of other languages also word by word."""
    texts: list[str] = []
    names: list[str] = []
    for name, templates in data("utterances").items():
        sentences: list[str] = []
        for template in templates:
            for sentence in spell_out(str(template), least, seed):
                sentences += [sentence, *([other] if (other := gloss(sentence)) != sentence else [])]
        seen = list(dict.fromkeys(mask_numbers(canonical(sentence)) for sentence in sentences))
        texts += seen
        names += [name] * len(seen)
    return texts, names


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
