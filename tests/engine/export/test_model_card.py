import re
import subprocess
import sys

import pytest

from tools.core.records import ConstraintCheck
from tools.engine.export.card import model_card


@pytest.mark.parametrize("name", ["mixed", "numbers", "pictures", "texts", "tags", "story"])
def test_the_code_on_the_card_runs_as_it_stands(delivered, name: str):
    bundle, _ = delivered(name)
    card = (bundle.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)\n```", card, flags=re.DOTALL)
    assert len(code.splitlines()) <= 8
    child = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=bundle.path, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    wanted = {"mixed": "'label': array", "numbers": "'prediction': array", "tags": "'labels': array"}
    assert wanted.get(name, "") in child.stdout
    assert child.stdout.strip() or name == "story"


def test_the_card_tells_metrics_with_intervals_limits_and_data(delivered):
    bundle, _ = delivered("mixed")
    check = ConstraintCheck(name="max_model_size", asked=1000, measured=1500, met=False)
    record = {
        "test": {"accuracy": 0.91, "log_loss": 0.31},
        "baseline": {"accuracy": 0.6},
        "confidence": {"accuracy": (0.85, 0.95)},
        "constraints": (check,),
        "best": {"model_architecture": "Linear model", "hyperparameters": {"strength": 1.0}, "n_parameters": 12},
    }
    card = model_card(bundle.metadata | {"record": record})
    assert "| Accuracy (higher is better) | 0.91 | 0.85 to 0.95 | 0.6 | - |" in card
    assert "| Log loss (lower is better) | 0.31 | - | - | - |" in card
    assert "| max_model_size | 1000 | 1500 | no |" in card
    assert "> A model, please." in card
    for said in (
        "`no`, `yes`",
        "Linear model",
        "strength = 1.0",
        "onnxruntime",
        "licence",
        bundle.metadata["dataset"]["fingerprint"],
    ):
        assert said in card


def test_a_card_without_measurements_promises_nothing(delivered):
    bundle, _ = delivered("mixed")
    card = model_card(bundle.metadata | {"record": {}})
    assert "How good it is" not in card
