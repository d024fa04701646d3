"""Encoded data kept from one experiment to the next."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.engine.list_sink import ListSink
from tools.core.config import SearchSpec
from tools.core.records import ExperimentPlan, Limits
from tools.engine.data.modalities.text import TextEncoder
from tools.engine.execution.cache import load
from tools.engine.execution.encoded_cache import EncodedCache, key_of
from tools.engine.experiment import run_experiment
from tools.engine.search.prepare import Source, prepare, read_source

TABLE = "size,colour,price\n" + "".join(f"{row * 37 % 91},{'rg'[row % 2]},{row * 37 % 91 * 2.5}\n" for row in range(60))
FILES = {
    "texts.csv": "text,label\n"
    + "".join(f"it was word{row % 7} and then again word{row % 13} of the day {row},{row % 2}\n" for row in range(60)),
    "song.txt": "".join(f"line {row} of the song, sung {row % 5} times\n" for row in range(400)),
    "table.csv": TABLE,
}


def source(dataset: Path | str, **fields: object) -> Source:
    return read_source(ExperimentPlan.model_validate({"dataset": str(dataset), "limits": {"time_s": 9}, **fields}))


@pytest.fixture
def cache(tmp_path: Path) -> EncodedCache:
    return EncodedCache(tmp_path / "encoded")


@pytest.mark.parametrize("name", ["texts.csv", "song.txt", "table.csv", "digits"])
def test_what_was_encoded_once_is_taken_as_it_was(cache: EncodedCache, tmp_path: Path, name: str) -> None:
    if name in FILES:
        (tmp_path / name).write_text(FILES[name])
    read = source(tmp_path / name if name in FILES else name)
    first = prepare(read, tmp_path / "a", cache)
    second = prepare(read, tmp_path / "b", cache)
    plain = prepare(read, tmp_path / "c")
    assert (first.reused, second.reused, plain.reused) == (False, True, False)
    assert second.data_bytes == plain.data_bytes
    for again, once in zip((*second.files, second.full_files), (*plain.files, plain.full_files), strict=True):
        taken, made = load(again), load(once)
        assert taken.spec == made.spec
        assert taken.train.inputs.keys() == made.train.inputs.keys()
        for part in taken.train.inputs:
            np.testing.assert_array_equal(taken.train.inputs[part], made.train.inputs[part])
        np.testing.assert_array_equal(taken.train.target, made.train.target)
        assert (taken.truth is None) == (made.truth is None)
        if taken.truth is not None and made.truth is not None:
            np.testing.assert_array_equal(taken.truth, made.truth)
    rows = read.splits.test
    assert second.full.encoder.state() == plain.full.encoder.state()
    ours, theirs = (made.full.encoder.transform(read.dataset, rows) for made in (second, plain))
    for part in ours:
        np.testing.assert_array_equal(ours[part], theirs[part])


def test_other_rows_another_target_or_a_changed_file_are_encoded_anew(cache: EncodedCache, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    asked = {"target": "price"}
    prepare(source(path, **asked), tmp_path / "a", cache)
    assert not prepare(source(path, **asked, seed=1), tmp_path / "b", cache).reused
    assert not prepare(source(path, target="colour"), tmp_path / "c", cache).reused
    path.write_text(TABLE.replace("37", "36"))
    assert not prepare(source(path, **asked), tmp_path / "d", cache).reused


def test_texts_are_encoded_anew_once_a_pretrained_model_is_installed(
    cache: EncodedCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.csv").write_text(FILES["texts.csv"])
    read = source(tmp_path / "texts.csv")
    monkeypatch.setattr(TextEncoder, "installed", lambda self: ())
    prepare(read, tmp_path / "a", cache)
    assert prepare(read, tmp_path / "b", cache).reused
    monkeypatch.setattr(TextEncoder, "installed", lambda self: ("a model",))
    assert not prepare(read, tmp_path / "c", cache).reused


def test_a_damaged_entry_is_made_again(cache: EncodedCache, tmp_path: Path) -> None:
    read = source("iris")
    prepare(read, tmp_path / "a", cache)
    assert cache.folder is not None
    for entry in cache.folder.iterdir():
        (entry / "state.json").write_text('{"encoder": ')
    again = prepare(read, tmp_path / "b", cache)
    assert not again.reused
    assert len(load(again.full_files).train)


def test_an_interrupted_run_does_not_write_into_what_others_share(cache: EncodedCache, tmp_path: Path) -> None:
    read = source("iris")
    prepare(read, tmp_path / "a", cache)
    before = np.load(tmp_path / "a" / "full" / "train.input.num.npy")
    prepare(read, tmp_path / "b", cache)
    prepare(source("iris", seed=5), tmp_path / "b", EncodedCache(None))  # the same folder, with other rows
    np.testing.assert_array_equal(np.load(tmp_path / "a" / "full" / "train.input.num.npy"), before)
    assert prepare(read, tmp_path / "c", cache).reused


def test_the_longest_unused_go_when_the_space_is_used_up(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    np.save(made / "train.target.npy", np.zeros(1000))
    cache = EncodedCache(tmp_path / "encoded", most_bytes=20_000)
    assert cache.folder is not None
    for number, key in enumerate(("old", "used", "new")):
        cache.keep(key, made, {})
        if (cache.folder / key).exists():
            os.utime(cache.folder / key, (number, number))
        if key == "used":
            assert cache.take("old", tmp_path / "taken") == {}
    assert {entry.name for entry in cache.folder.iterdir()} == {"old", "new"}
    assert (tmp_path / "taken" / "train.target.npy").exists()
    assert cache.take("used", tmp_path / "gone") is None
    assert not (tmp_path / "gone").exists()


def test_keys_tell_what_went_in() -> None:
    assert key_of("a", [1, None]) == key_of("a", [1, None])
    assert key_of("a", [1, None]) != key_of("a", [None, 1])


def test_a_repeated_experiment_says_that_it_encodes_nothing_and_ends_the_same(tmp_path: Path) -> None:
    asked = ExperimentPlan(
        dataset="iris", limits=Limits(time_s=60), families=("linear",), search=SearchSpec(max_trials=2)
    )
    ends = []
    for name in ("a", "b"):
        sink = ListSink()
        run_experiment(asked, tmp_path / name, sink, time.time(), tmp_path / "encoded")
        ends.append((sink.fields["test"], any("encoded already" in said for said in sink.messages)))
    assert ends[0] == (ends[1][0], False)
    assert ends[1][1]
