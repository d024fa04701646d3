import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.engine.export.conftest import train
from tools.core.errors import ExperimentError, OptimizationError, TaskError
from tools.engine.export.bundle import Bundle
from tools.engine.export.generator import _draw
from tools.engine.export.parity import check_parity
from tools.engine.export.predictor import dataset_of


def test_rows_are_predicted_with_their_index_and_one_probability_per_class(delivered, trained):
    bundle, _ = delivered("mixed")
    frame = trained("mixed").dataset.frame.drop(columns="churned").iloc[20:31].assign(unknown="x")
    found = bundle.predict_frame(frame)
    assert list(found.columns) == ["prediction", "probability_no", "probability_yes"]
    assert found.index.equals(frame.index)
    expected = bundle.predict(trained("mixed").dataset, np.arange(20, 31))
    np.testing.assert_allclose(found[["probability_no", "probability_yes"]], expected, atol=1e-6)
    assert set(found["prediction"]) <= {"no", "yes"}


def test_a_file_and_its_rows_are_predicted_alike(delivered, trained):
    bundle, _ = delivered("mixed")
    dataset = trained("mixed").dataset
    pd.testing.assert_frame_equal(bundle.predict_source(dataset.source), bundle.predict_frame(dataset.frame))


def test_a_single_row_with_a_new_category_and_missing_values_is_predicted(delivered, trained):
    bundle, _ = delivered("mixed")
    row = dict.fromkeys(trained("mixed").dataset.frame.columns) | {"label": "violet"}
    assert np.isfinite(bundle.predict_frame(pd.DataFrame([row]))["probability_yes"]).all()


def test_missing_columns_are_named_with_what_looks_like_them(delivered, trained):
    bundle, _ = delivered("mixed")
    frame = trained("mixed").dataset.frame.rename(columns={"grösse": "Grösse"}).drop(columns="label")
    with pytest.raises(TaskError, match="missing: 'label', 'grösse'") as error:
        bundle.predict_frame(frame)
    assert "'Grösse' for 'grösse'" in error.value.hint


def test_a_word_among_numbers_is_named_with_its_row(delivered, trained):
    bundle, _ = delivered("mixed")
    frame = trained("mixed").dataset.frame.head(5).astype({"probabilities": object})
    frame.loc[2, "probabilities"] = "plenty"
    with pytest.raises(TaskError, match=r"Row 3: the column 'probabilities' must hold a number.*'plenty'"):
        bundle.predict_frame(frame)


def test_written_numbers_are_read(delivered, trained):
    bundle, _ = delivered("mixed")
    frame = trained("mixed").dataset.frame.head(5)
    texts = frame.astype({"probabilities": str})
    pd.testing.assert_frame_equal(bundle.predict_frame(texts), bundle.predict_frame(frame))


def test_one_row_is_read_as_the_training_file_was(tmp_path: Path):
    lines = ["when;price;code;y"]
    for i in range(120):
        day, price = f"{i % 28 + 1:02d}/{i % 11 + 1:02d}/2021", "12,5" if i % 2 else f"1,{100 + i}"
        lines.append(f"{day};{price};{('007', 'A7', '12')[i % 3]};{'yes' if i % 3 else 'no'}")
    (tmp_path / "train.csv").write_text("\n".join(lines))
    setup = train(str(tmp_path / "train.csv"), "y", only="linear")
    bundle = Bundle.open(setup.write(tmp_path / "run").folder)
    expected = bundle.predict(setup.dataset, np.array([6]))[0]  # 07/07/2021; 1,106; 007
    assert lines[7] == "07/07/2021;1,106;007;no"
    (tmp_path / "new.csv").write_text(lines[0] + "\n" + lines[7] + "\n")
    row = pd.DataFrame([dict(zip(lines[0].split(";"), lines[7].split(";"), strict=True))])
    for found in (bundle.predict_source(str(tmp_path / "new.csv")), bundle.predict_frame(row)):
        np.testing.assert_allclose(found[["probability_no", "probability_yes"]].to_numpy()[0], expected, atol=1e-6)
    early = pd.DataFrame({"when": ["03/04/2021"], "price": ["1,234"], "code": ["12"]})
    feed = bundle.feed(dataset_of(bundle, early))
    assert feed["when"][0, 0] == (np.datetime64("2021-04-03") - np.datetime64("1970-01-01")).astype(int)
    assert feed["price"][0, 0] == pytest.approx(1.234)
    late = early.assign(when="04/13/2021")
    late.to_csv(tmp_path / "late.csv", index=False)
    for refused in (lambda: bundle.predict_frame(late), lambda: bundle.predict_source(str(tmp_path / "late.csv"))):
        with pytest.raises(TaskError, match="'when' must hold a number or a date as in the training data"):
            refused()


def test_an_empty_table_gives_an_empty_answer(delivered, trained):
    bundle, _ = delivered("numbers")
    assert len(bundle.predict_frame(trained("numbers").dataset.frame.head(0))) == 0


def test_several_labels_are_joined(delivered, trained):
    bundle, _ = delivered("tags")
    found = bundle.predict_frame(pd.DataFrame({"message": ["my bill is wrong", ""]}))
    for said, row in zip(found["prediction"], found.to_dict("records"), strict=True):
        assert set(filter(None, said.split("|"))) == {
            label for label in bundle.task.classes if row[f"probability_{label}"] >= 0.5
        }


def test_pictures_are_predicted_from_a_file_and_not_from_a_table(delivered, trained):
    bundle, _ = delivered("pictures")
    found = bundle.predict_source(trained("pictures").dataset.source)
    assert len(found) == 90
    assert set(found["prediction"]) <= {1, 2, 3}
    with pytest.raises(TaskError, match="reads pictures"):
        bundle.predict_frame(pd.DataFrame({"a": [1]}))
    with pytest.raises(TaskError, match="holds no pictures"):
        bundle.predict_source("iris")


def test_a_text_model_refuses_pictures(delivered):
    with pytest.raises(TaskError, match="holds pictures"):
        delivered("texts")[0].predict_source("digits")


def test_text_goes_on_from_any_prompt_and_repeats_with_the_seed(delivered):
    bundle, _ = delivered("story")
    for prompt in ("Hello", "", "ÆØ 東京", "Hello " * 200):
        text = bundle.generate(prompt, 12, seed=3)
        assert text.startswith(prompt)
        assert len(text) == len(prompt) + 12
        assert text == bundle.generate(prompt, 12, seed=3)
    assert bundle.generate("Hello", 30, temperature=0.0, seed=1) == bundle.generate(
        "Hello", 30, temperature=0.0, seed=2
    )
    assert bundle.generate("Hello", 30, temperature=2.0, seed=1) != bundle.generate(
        "Hello", 30, temperature=2.0, seed=2
    )


def test_a_small_top_p_leaves_only_the_likeliest_characters(delivered):
    bundle, _ = delivered("story")
    likeliest = bundle.generate("Hello", 30, temperature=0.0)
    assert bundle.generate("Hello", 30, temperature=1.0, seed=1, top_p=1e-6) == likeliest
    assert bundle.generate("Hello", 30, temperature=1.0, seed=1, top_p=0.999) != likeliest


@pytest.mark.parametrize(("top_p", "drawn"), [(0.5, {2}), (0.55, {2, 3}), (0.85, {2, 3, 4}), (1.0, {2, 3, 4, 5})])
def test_top_p_draws_from_the_fewest_that_reach_it(top_p: float, drawn: set[int]):
    logits = np.log(np.array([0.9, 0.9, 0.5, 0.3, 0.15, 0.05]))  # padding and unknown are never drawn
    rng = np.random.default_rng(0)
    assert {_draw(logits, 1.0, top_p, rng) for _ in range(300)} == drawn


def test_wrong_arguments_of_generation_are_explained(delivered):
    bundle, _ = delivered("story")
    with pytest.raises(TaskError, match="max_new_tokens"):
        bundle.generate("a", 0)
    with pytest.raises(TaskError, match="temperature"):
        bundle.generate("a", 5, temperature=-1.0)
    with pytest.raises(TaskError, match="top_p"):
        bundle.generate("a", 5, top_p=0.0)
    with pytest.raises(TaskError, match="does not write text"):
        delivered("mixed")[0].generate("a", 5)
    with pytest.raises(TaskError, match="predicts no rows"):
        bundle.predict_frame(pd.DataFrame({"text": ["a"]}))


def test_the_metadata_says_what_is_in_the_bundle(delivered):
    bundle, _ = delivered("mixed")
    metadata = bundle.metadata
    assert metadata["task"]["classes"] == ["no", "yes"]
    assert {entry["raw"] for entry in metadata["inputs"]} >= {"label", "probabilities", "grösse", "day"}
    names = {entry["name"] for entry in metadata["inputs"]}
    assert len(names) == len(metadata["inputs"])
    assert not names & set(metadata["outputs"])
    assert metadata["outputs"] == ["label", "probabilities"]
    assert metadata["record"]["confidence"] == {"accuracy": [0.4, 0.6]}
    assert metadata["dataset"]["n_train"] + metadata["dataset"]["n_test"] == metadata["dataset"]["n_rows"]


def test_damaged_and_foreign_bundles_are_refused(delivered, tmp_path: Path):
    bundle, _ = delivered("words")
    with pytest.raises(ExperimentError, match="no model bundle"):
        Bundle.open(tmp_path)

    def copy(name: str) -> Path:
        return shutil.copytree(bundle.path, tmp_path / name)

    changed = copy("changed")
    (changed / "model.onnx").write_bytes(b"something else")
    with pytest.raises(ExperimentError, match="changed or is damaged"):
        Bundle.open(changed)
    lost = copy("lost")
    (lost / "model.onnx").unlink()
    with pytest.raises(ExperimentError, match=r"no model\.onnx"):
        Bundle.open(lost)
    newer = copy("newer")
    (newer / "metadata.json").write_text(json.dumps(bundle.metadata | {"format": 99}))
    with pytest.raises(ExperimentError, match="newer version"):
        Bundle.open(newer)
    broken = copy("broken")
    (broken / "metadata.json").write_text("{")
    with pytest.raises(ExperimentError, match="damaged"):
        Bundle.open(broken)
    assert Bundle.open(bundle.path / "model.onnx").path == bundle.path


def test_a_file_that_gives_other_predictions_is_not_delivered(delivered, trained):
    bundle, _ = delivered("mixed")
    dataset, rows = trained("mixed").dataset, np.arange(3)
    right, feed = bundle.predict(dataset, rows), bundle.feed(dataset, rows)
    assert max(check_parity(bundle.onnx, "classification", feed, right).values()) < 1e-6
    for wrong in (right + 0.01, np.full_like(right, np.nan), right[:, :1]):
        with pytest.raises(OptimizationError):
            check_parity(bundle.onnx, "classification", feed, wrong)


def test_a_failed_export_leaves_the_earlier_bundle_alone(trained, tmp_path: Path):
    setup = trained("words")
    before = setup.write(tmp_path, "linear").onnx.read_bytes()
    with pytest.raises(OptimizationError, match="at least one model"):
        setup.write(tmp_path, "linear", weights=[0.0])
    assert (tmp_path / "bundle" / "model.onnx").read_bytes() == before
    assert not (tmp_path / "bundle.partial").exists()
