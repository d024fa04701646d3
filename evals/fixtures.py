"""The files that the development suite attaches; made fresh, the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def make_fixtures(folder: Path) -> Path:
    """Write churn.csv, new_flowers.csv, houses.csv, reviews.csv and story.txt into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    n = 400
    months, fee = rng.integers(1, 72, n), rng.normal(60, 20, n).clip(15).round(2)
    contract = rng.choice(["monthly", "yearly", "two years"], n, p=[0.6, 0.25, 0.15])
    risk = 1.2 * (contract == "monthly") - 0.05 * months + 0.02 * fee + rng.normal(0, 0.6, n)
    churn = pd.DataFrame({"months": months, "monthly_fee": fee, "contract": contract})
    churn["paperless"] = rng.choice(["yes", "no"], n)
    churn["churned"] = np.where(risk > np.quantile(risk, 0.7), "yes", "no")
    churn.to_csv(folder / "churn.csv", index=False)

    rooms, area = rng.integers(1, 8, 300), rng.normal(90, 30, 300).clip(20).round(1)
    houses = pd.DataFrame({"rooms": rooms, "area": area, "city": rng.choice(["Bern", "Lyon", "Graz"], 300)})
    houses["price"] = (2500 * area + 9000 * rooms + rng.normal(0, 15000, 300)).round()
    houses.to_csv(folder / "houses.csv", index=False)

    lengths = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
    rows = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3], [5.9, 2.8, 4.3, 1.3]]
    pd.DataFrame(rows, columns=lengths).to_csv(folder / "new_flowers.csv", index=False)

    good = ["loved the taste", "fresh and quick", "would buy again", "a real treat", "better than expected"]
    bad = ["arrived stale", "far too salty", "never again", "tasted of nothing", "the box was crushed"]
    texts = [
        f"{rng.choice(part)}, {rng.choice(part)} and {rng.choice(part)}" for part in (good, bad) for _ in range(80)
    ]
    reviews = pd.DataFrame({"review": texts, "sentiment": ["positive"] * 80 + ["negative"] * 80})
    reviews.sample(frac=1, random_state=3).to_csv(folder / "reviews.csv", index=False)

    line = "The little boat went out at dawn and came back at dusk, and the keeper of the light wrote it down.\n"
    (folder / "story.txt").write_text(line * 60, encoding="utf-8")
    return folder
