"""Texts, side by side with TF-IDF and logistic regression: `python -m evals.benchmarks.text --budget 60`.

This project runs twice on every set, once with every family and once without the pretrained one; both runs start from
nothing known. It splits off a fifth as the test, and the baseline gets the same split. Of a `_few` set it sees a few
hundred texts, the baseline the same ones, and a thousand others are the test.
Results: a table on stdout, and `text.json` in the work folder after every row (a broken-off run loses nothing).
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from evals.benchmarks.ours import FROM_NOTHING, OURS, Row, run_ours
from evals.benchmarks.texts import SETS, TextSet
from tools.core.units import format_size

BASELINE = "tfidf_logistic"
SYSTEMS = (OURS, FROM_NOTHING, BASELINE)
TRAINED_HERE = "text_linear,text_bag,text_cnn,text_gru,text_transformer"
MOST_TESTED = 1000


def main() -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for this project on every set")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path(".automl/bench"), help="packages, runs, results")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    (work / "packages").mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for name in given.sets:
        for row in _run_set(SETS[name], work, given.systems, given.budget, given.seed):
            rows.append({"set": name, "metric": SETS[name].metric, **row})
            (work / "text.json").write_text(json.dumps({"budget_s": given.budget, "rows": rows}, indent=1))
    show(rows)


def _run_set(item: TextSet, work: Path, systems: list[str], budget: float, seed: int) -> list[Row]:
    file, others = (work / "texts" / f"{item.name}{part}.csv" for part in ("", "_test"))
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = item.read(work / "packages")
    if item.few:
        whole = whole.iloc[np.random.default_rng(seed).permutation(len(whole))]
        whole.iloc[item.few :][:MOST_TESTED].to_csv(others, index=False)
        whole = whole.iloc[: item.few]
    whole.to_csv(file, index=False)
    rows: list[Row] = []
    train, test = whole, pd.read_csv(others) if item.few else whole
    for system in (OURS, FROM_NOTHING):
        if system not in systems:
            continue
        words = ["--target", "label", "--metric", item.metric, "--no-transfer"]
        words += ["--families", TRAINED_HERE] if system == FROM_NOTHING else []
        run = run_ours(item.name, file, work, budget, seed, *words)
        if item.few:
            score = run.accuracy(others, test["label"])
        else:
            score = run.result["test"][item.metric]
            train, test = (whole.iloc[run.splits[part]] for part in ("train", "test"))
        rows.append({"system": system, "score": score, **run.row})
    if BASELINE in systems:
        if train is test:
            raise SystemExit("The baseline needs the split of a run: name one of the others as well.")
        rows.append(_baseline(item, train, test))
    return rows


def _baseline(item: TextSet, train: pd.DataFrame, test: pd.DataFrame) -> Row:
    """What a user would write first, with scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MultiLabelBinarizer

    begun = time.time()
    logistic = LogisticRegression(max_iter=1000)
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2)), OneVsRestClassifier(logistic) if item.multilabel else logistic
    )
    texts, known = train["text"].fillna(""), test["text"].fillna("")
    if item.multilabel:
        marks = MultiLabelBinarizer().fit(train["label"].str.split("|"))
        model.fit(texts, marks.transform(train["label"].str.split("|")))
        truth = marks.transform(test["label"].str.split("|"))
        score = roc_auc_score(truth, model.predict_proba(known), average="macro")
    else:
        model.fit(texts, train["label"])
        score = float((model.predict(known) == test["label"]).mean())
    fit_s = time.time() - begun
    return {"system": BASELINE, "score": score, "fit_s": fit_s, "size": len(pickle.dumps(model)), "what": "logistic"}


def show(rows: list[Row]) -> None:
    """Print a row per set and system."""
    grid = Grid("set", "metric", "system", "test score", "fit s", "size", "what")
    for row in rows:
        size = format_size(row["size"])
        grid.add_row(
            row["set"], row["metric"], row["system"], f"{row['score']:.4f}", f"{row['fit_s']:.0f}", size, row["what"]
        )
    Console(width=140).print(grid)


if __name__ == "__main__":
    main()
