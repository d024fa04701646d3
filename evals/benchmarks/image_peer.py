"""One baseline on one split of pictures: `python image_peer.py NAME TRAIN.npz TEST.npz BUDGET`.

`logistic`: scikit-learn on at most 10,000 pictures. `plain_cnn`: what a user would write first, three convolutions
and a `DataLoader`, trained until the time is over. Imports nothing of this project; prints one JSON object.
"""

from __future__ import annotations

import json
import pickle
import sys
import time

import numpy as np

MOST_ROWS = 10_000


def _logistic(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, int, float]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.random.default_rng(0).permutation(len(x))[:MOST_ROWS]
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    begun = time.time()
    model.fit(x[rows].reshape(len(rows), -1) / 255.0, y[rows])
    fit_s = time.time() - begun
    return model.predict(test.reshape(len(test), -1) / 255.0), len(pickle.dumps(model)), fit_s


def _plain_cnn(x: np.ndarray, y: np.ndarray, test: np.ndarray, budget: float) -> tuple[np.ndarray, int, float]:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    classes, codes = np.unique(y, return_inverse=True)
    images = torch.from_numpy(x.transpose(0, 3, 1, 2)).float() / 255
    layers: list[nn.Module] = []
    channels = images.shape[1]
    for width in (32, 64, 128):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, len(classes)))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loader = DataLoader(TensorDataset(images, torch.from_numpy(codes)), 64, shuffle=True)
    begun, epochs = time.time(), 0
    while time.time() - begun < budget and epochs < 100:
        for batch, target in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(batch), target)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if time.time() - begun >= budget:
                break
        epochs += 1
    fit_s = time.time() - begun
    model.eval()
    rows = torch.from_numpy(test.transpose(0, 3, 1, 2)).float() / 255
    with torch.no_grad():
        best = torch.cat([model(part).argmax(1) for part in torch.split(rows, 500)])
    size = sum(parameter.numel() * 4 for parameter in model.parameters())
    return classes[best.numpy()], size, fit_s


def main() -> None:
    """Fit and score."""
    name, train_file, test_file, budget = sys.argv[1:5]
    train, test = np.load(train_file), np.load(test_file)
    x, y = train["images"], train["labels"]
    if name == "logistic":
        predicted, size, fit_s = _logistic(x, y, test["images"])
    elif name == "plain_cnn":
        predicted, size, fit_s = _plain_cnn(x, y, test["images"], float(budget))
    else:
        raise SystemExit(f"There is no baseline called '{name}'.")
    accuracy = float((predicted == test["labels"]).mean())
    print(json.dumps({"accuracy": accuracy, "size": size, "fit_s": fit_s}))


if __name__ == "__main__":
    main()
