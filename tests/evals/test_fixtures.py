"""The files of the development suite: the same every time, small, and of the kinds they are named for."""

import pytest

from evals.fixtures import HOSTILE_COLUMN, make_fixtures
from evals.results import canned_profile


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_fixtures(tmp_path_factory.mktemp("files"))


def test_they_are_the_same_every_time_and_small(files, tmp_path):
    again = make_fixtures(tmp_path / "again")
    for path in files.iterdir():
        data = path.read_bytes()
        assert data == (again / path.name).read_bytes(), path.name
        assert len(data) < 50_000


@pytest.mark.parametrize(
    ("name", "modality", "target", "task"),
    [
        ("churn.csv", "tabular", "churned", "classification"),
        ("houses.csv", "tabular", "price", "regression"),
        ("energy.xlsx", "tabular", "price", "regression"),
        ("kunden.csv", "tabular", "gekündigt", "classification"),
        ("orders.csv", "tabular", "late", "classification"),
        ("reviews.csv", "text", "sentiment", "classification"),
        ("support_tickets.csv", "text", "category", "classification"),
        ("tagged_comments.csv", "text", "topics", "classification"),
        ("leaves.zip", "image", "label", "classification"),
        ("story.txt", "corpus", None, "generation"),
    ],
)
def test_each_is_what_it_is_named_for(files, name, modality, target, task):
    profile = canned_profile(str(files / name))
    assert (profile.modality, profile.target, profile.task) == (modality, target, task)


def test_several_targets_and_a_hostile_name(files):
    assert {"readmitted", "infection"} <= set(canned_profile(str(files / "patients.csv")).target_candidates)
    assert HOSTILE_COLUMN in [column.name for column in canned_profile(str(files / "orders.csv")).columns]
