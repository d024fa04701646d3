"""One peer on one split, run by the peer's own interpreter: `python peer.py NAME TRAIN TEST TARGET KIND BUDGET FOLDER`.

Imports nothing of this project. Prints one JSON object: score, seconds, size, latency.
"""

from __future__ import annotations

import json
import pickle
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")


def _pipeline(model: Any, frame: pd.DataFrame) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    words = [name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])]
    numbers = [name for name in frame if name not in words]
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(make_column_transformer((encode, words), (SimpleImputer(), numbers)), model)


def _fit(name: str, x: pd.DataFrame, y: pd.Series, kind: str, budget: float, folder: Path) -> Any:
    classify = kind == "classification"
    if name == "hist_gradient_boosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        x = x.astype(dict.fromkeys(_words(x), "category"))
        cls = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
        return cls(categorical_features="from_dtype", random_state=0).fit(x, y)
    if name == "random_forest":
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        cls = RandomForestClassifier if classify else RandomForestRegressor
        return _pipeline(cls(300, n_jobs=-1, random_state=0), x).fit(x, y)
    if name == "flaml":
        from flaml import AutoML

        metric = "r2" if not classify else ("roc_auc" if y.nunique() == 2 else "roc_auc_ovr")
        model = AutoML()
        model.fit(x, y, task=kind, metric=metric, time_budget=budget, verbose=0, seed=0)
        return model
    if name.startswith("autogluon_"):
        from autogluon.tabular import TabularPredictor

        problem = "regression" if not classify else ("binary" if y.nunique() == 2 else "multiclass")
        metric = "r2" if not classify else ("roc_auc" if problem == "binary" else "roc_auc_ovr_macro")
        preset = name.removeprefix("autogluon_") + "_quality"
        predictor = TabularPredictor("__y__", problem_type=problem, eval_metric=metric, path=str(folder), verbosity=0)
        return predictor.fit(x.assign(__y__=y.values), time_limit=budget, presets=preset)
    raise SystemExit(f"There is no peer called '{name}'.")


def _predict(model: Any, x: pd.DataFrame, kind: str, like: pd.DataFrame) -> np.ndarray:
    if type(model).__name__.startswith("Hist"):
        x = x.assign(**{c: pd.Categorical(x[c], like[c].astype("category").cat.categories) for c in _words(like)})
    if kind == "regression":
        return np.asarray(model.predict(x), dtype=float)
    return np.asarray(model.predict_proba(x), dtype=float)


def _words(frame: pd.DataFrame) -> list[str]:
    return [str(c) for c in frame if not pd.api.types.is_numeric_dtype(frame[c]) and frame[c].nunique() < 255]


def _score(truth: pd.Series, predicted: np.ndarray, kind: str, classes: list[Any]) -> float:
    from sklearn.metrics import r2_score, roc_auc_score

    if kind == "regression":
        return float(r2_score(truth, predicted))
    if len(classes) == 2:
        return float(roc_auc_score(truth == classes[1], predicted[:, 1]))
    return float(roc_auc_score(truth, predicted, multi_class="ovr", average="macro", labels=classes))


def median_ms(call: Any) -> float:
    """Median time of a call, ms, after one to warm up."""
    call()
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times)


def main() -> None:
    """Fit, score, and measure."""
    name, train_file, test_file, target, kind, budget, scratch = sys.argv[1:8]
    train, test = pd.read_csv(train_file), pd.read_csv(test_file)
    x, y = train.drop(columns=target), train[target]
    folder = Path(scratch)
    begun = time.time()
    model = _fit(name, x, y, kind, float(budget), folder)
    fit_s = time.time() - begun
    new, truth = test.drop(columns=target), test[target]
    predicted = _predict(model, new, kind, x)
    if folder.exists():
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    else:
        size = len(pickle.dumps(model))
    many = pd.concat([new] * (1000 // len(new) + 1)).head(1000)
    report = {
        "score": _score(truth, predicted, kind, sorted(y.unique()) if kind == "classification" else []),
        "fit_s": fit_s,
        "size": size,
        "latency_1_ms": median_ms(lambda: _predict(model, new.head(1), kind, x)),
        "latency_1000_ms": median_ms(lambda: _predict(model, many, kind, x)),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
