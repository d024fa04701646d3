"""Small real data of every modality, and bundles of models that were trained on it for a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tools.core.config import ValidationSpec
from tools.core.records import ExperimentPlan, ExperimentRecord, now
from tools.engine.data.dataset import Dataset, TaskSpec
from tools.engine.data.encode import encode
from tools.engine.data.modality import MODALITIES, Encoder
from tools.engine.data.read import load
from tools.engine.data.split import Splits, split
from tools.engine.data.target import TargetEncoder
from tools.engine.export.bundle import Bundle, BundleReport, write_bundle
from tools.engine.families.family import FAMILIES
from tools.engine.training.learner import FitContext, Learner

ODD_NAMES = {"number": "a \"quoted\" 'näme'", "word": "label", "twice": "probabilities", "inner": "/encode/num"}


@dataclass(frozen=True)
class Trained:
    """Everything `write_bundle` takes."""

    dataset: Dataset
    task: TaskSpec
    encoder: Encoder
    target: TargetEncoder
    splits: Splits
    learners: dict[str, Learner]

    def write(self, folder: Path, *families: str, weights: list[float] | None = None) -> BundleReport:
        learners = [self.learners[name] for name in families or self.learners]
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / "splits.npz", train=self.splits.train, test=self.splits.test)
        return write_bundle(
            folder,
            plan=ExperimentPlan(
                dataset=self.dataset.source, target=self.task.target or None, request="A model, please."
            ),
            dataset=self.dataset,
            task=self.task,
            encoder=self.encoder,
            target=self.target,
            learners=learners,
            weights=weights or [1.0] * len(learners),
            splits=self.splits,
            record_fields={
                "test": {self.task.metric: 0.5},
                "baseline": {},
                "confidence": {self.task.metric: (0.4, 0.6)},
            },
        )

    def expected(self, rows: np.ndarray, family: str) -> np.ndarray:
        return self.target.decode(self.learners[family].predict(self.encoder.transform(self.dataset, rows)))


def train(source: str, target: str | None, only: str | None = None) -> Trained:
    """Fit every family that takes the data (or `only` one), for one epoch."""
    dataset = load(source, target)
    modality = MODALITIES.get(dataset.modality)
    task = modality.task(dataset, target, None, None)
    splits = split(dataset, task, ValidationSpec(), 0)
    encoder, encoded_target = modality.encoder(), TargetEncoder()
    encoder.fit(dataset, splits.train)
    encoded_target.fit(dataset, splits.train, task)
    spec = encoder.spec(task, len(splits.train))
    rows = encode(dataset, splits.train, encoder, encoded_target)
    learners: dict[str, Learner] = {}
    for family in FAMILIES:
        if family.fits(spec) and only in (None, family.name):
            learner = family.learner(family.defaults(spec)[0], spec, rows, None, FitContext(max_epochs=1))
            for _ in learner.reports():
                pass
            learners[family.name] = learner
    return Trained(dataset, task, encoder, encoded_target, splits, learners)


def _table(n: int = 160) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    age, colour = rng.normal(40, 10, n), rng.choice(["red", "green", "blue"], n)
    frame = pd.DataFrame(
        {
            ODD_NAMES["number"]: np.where(rng.random(n) < 0.1, np.nan, age),
            ODD_NAMES["twice"]: rng.normal(size=n) * 1e3,
            ODD_NAMES["inner"]: rng.integers(0, 900, n) / 7,
            ODD_NAMES["word"]: np.where(rng.random(n) < 0.1, None, colour),
            "grösse": rng.choice(["S", "M", "L"], n),
            "day": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
            "churned": np.where(age + 10 * (colour == "red") + rng.normal(0, 3, n) > 43, "yes", "no"),
        }
    )
    return frame.astype({ODD_NAMES["word"]: object})


def _texts(n: int = 120) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(1)
    subjects, verbs = (
        ["the parcel", "my bill", "this screen", "your team"],
        ["is late", "is wrong", "broke", "was kind"],
    )
    chosen = rng.integers(0, 4, n)
    texts = [
        f"Hello {i}, {subjects[k]} {verbs[k]} {'again ' * int(rng.integers(0, 4))}today!" for i, k in enumerate(chosen)
    ]
    return texts, chosen


def _sources(folder: Path) -> Iterator[tuple[str, str, str | None]]:
    table = _table()
    table.to_csv(folder / "mixed.csv", index=False)
    yield "mixed", str(folder / "mixed.csv"), "churned"
    table[[ODD_NAMES["word"], "grösse", "churned"]].to_csv(folder / "words.csv", index=False)
    yield "words", str(folder / "words.csv"), "churned"
    numbers = pd.DataFrame({"x": np.linspace(0, 9, 150), "z": np.cos(np.arange(150))})
    numbers.assign(price=1e4 + 5 * numbers["x"] ** 2 + numbers["z"]).to_csv(folder / "numbers.csv", index=False)
    yield "numbers", str(folder / "numbers.csv"), "price"
    rng = np.random.default_rng(2)
    classes = rng.integers(1, 4, 90)  # whole numbers as classes
    images = np.clip(rng.normal(60 * classes[:, None, None], 20, (90, 9, 8)), 0, 255).astype(np.uint8)
    np.savez(folder / "pictures.npz", images=images, labels=classes)
    yield "pictures", str(folder / "pictures.npz"), None
    texts, chosen = _texts()
    topics = np.array(["delivery", "billing", "technical", "praise"])[chosen]
    pd.DataFrame({"message": texts, "topic": topics}).to_csv(folder / "texts.csv", index=False)
    yield "texts", str(folder / "texts.csv"), "topic"
    tags = [f"{name}|urgent" if number % 3 == 0 else name for number, name in enumerate(topics)]
    pd.DataFrame({"message": texts, "tags": tags}).to_csv(folder / "tags.csv", index=False)
    yield "tags", str(folder / "tags.csv"), "tags"
    (folder / "story.txt").write_text("\n".join(texts * 3) + "\n", encoding="utf-8")
    yield "story", str(folder / "story.txt"), None


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    """Name of a dataset -> what was trained on it: mixed, words, numbers, pictures, texts, tags, story."""
    sources = {name: (source, target) for name, source, target in _sources(tmp_path_factory.mktemp("data"))}
    made: dict[str, Trained] = {}

    def get(name: str) -> Trained:
        if name not in made:
            made[name] = train(*sources[name])
        return made[name]

    return get


@pytest.fixture(scope="session")
def delivered(
    trained: Callable[[str], Trained], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Bundle, ExperimentRecord]]:
    """Name of a dataset -> the bundle of its first family, and the record of the experiment."""
    made: dict[str, tuple[Bundle, ExperimentRecord]] = {}

    def get(name: str) -> tuple[Bundle, ExperimentRecord]:
        if name not in made:
            setup, folder = trained(name), tmp_path_factory.mktemp(name)
            report = setup.write(folder, next(iter(setup.learners)))
            plan = ExperimentPlan(dataset=setup.dataset.source, target=setup.task.target or None)
            record = ExperimentRecord(
                id=1, status="completed", created_at=now(), dataset=name, plan=plan,
                folder=str(folder), bundle=str(report.folder),
            )  # fmt: skip
            made[name] = Bundle.open(report.folder), record
        return made[name]

    return get
