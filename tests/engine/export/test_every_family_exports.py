"""The contract: every registered family, on every kind of data it takes, leaves a bundle that works without torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tools.engine.data.wordpiece import archive_path
from tools.engine.export.bundle import Bundle
from tools.engine.families.family import FAMILIES

NAMES = ("mixed", "words", "numbers", "pictures", "texts", "tags", "story")

READER = """
import json, sys
import numpy as np
from tools.engine.data.read import load
from tools.engine.export.bundle import Bundle
for folder, source, target, rows, out in json.load(open(sys.argv[1])):
    np.save(out, Bundle.open(folder).predict(load(source, target), np.array(rows)))
assert "torch" not in sys.modules, "torch was imported"
"""


@pytest.mark.slow
def test_a_fresh_process_without_torch_predicts_what_the_trained_models_do(trained, tmp_path: Path):
    jobs, expected, seen = [], [], set()
    for name in NAMES:
        setup = trained(name)
        rows = setup.splits.test[:9]
        for family in setup.learners:
            if family in seen and family == "text_minilm":
                continue  # 90 MB each time
            seen.add(family)
            report = setup.write(tmp_path / name / family, family)
            out = str(tmp_path / f"{name}-{family}.npy")
            source = (setup.dataset.source, setup.task.target or None)
            jobs.append([str(report.folder), *source, rows.tolist(), out])
            expected.append((out, setup.expected(rows, family), setup.target.scale))
            assert set(report.parity) == {"1", "7", "256"}
            assert report.size_bytes == report.onnx.stat().st_size
            assert report.latency_ms > 0
    lacking = set() if archive_path() else {"text_minilm"}
    assert seen == set(FAMILIES.names()) - lacking
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    child = subprocess.run(
        [sys.executable, "-c", READER, str(tmp_path / "jobs.json")], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr[-2000:]
    for out, predictions, scale in expected:
        np.testing.assert_allclose(np.load(out), predictions, rtol=1e-5, atol=1e-4 * scale, err_msg=out)


@pytest.mark.parametrize("name", ["mixed", "numbers"])
def test_several_models_are_averaged_on_their_predictions_with_their_weights(trained, tmp_path: Path, name: str):
    setup = trained(name)
    rows = setup.splits.test
    report = setup.write(tmp_path, "linear", "mlp", weights=[3.0, 1.0])
    wanted = 0.75 * setup.expected(rows, "linear") + 0.25 * setup.expected(rows, "mlp")
    found = Bundle.open(report.folder).predict(setup.dataset, rows)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_text_generators_are_averaged_on_probabilities(trained, tmp_path: Path):
    setup = trained("story")
    rows = setup.splits.test[:2]
    family = "char_gpt"
    report = setup.write(tmp_path, family, family, weights=[1.0, 2.0])
    found = Bundle.open(report.folder).predict(setup.dataset, rows)
    np.testing.assert_allclose(found, setup.expected(rows, family), atol=1e-5)
