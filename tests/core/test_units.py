"""Any way of writing a size or a duration means the same number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.core.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [("200kB", 200_000), ("200 KB", 200_000), ("2MiB", 2_097_152), ("0,5 MB", 500_000), (".5MB", 500_000), ("7", 7)],
)
def test_sizes(text, n_bytes):
    assert parse_size(text) == n_bytes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("1.5 min", 90), ("1h30min", 5400), ("1 h and 30 min", 5400), ("250 ms", 0.25)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "fast", "5 parsecs", "-3s", "1h soon"])
def test_what_is_not_a_duration_says_how_to_write_one(text):
    with pytest.raises(ValueError, match="write for instance"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**15))
def test_a_written_size_reads_back_within_rounding(n_bytes):
    assert parse_size(format_size(n_bytes)) == pytest.approx(n_bytes, rel=0.006)


@given(st.floats(min_value=0.001, max_value=1e6))
def test_a_written_duration_reads_back_within_rounding(seconds):
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.06)
