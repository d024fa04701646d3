"""Memory is shared out among the workers only where there is some."""

from __future__ import annotations

import pytest

from tools.core.errors import ResourceError
from tools.engine.search.setup import memory_left

MB = 10**6


def test_workers_share_what_the_limit_and_the_machine_leave() -> None:
    assert memory_left(10_000 * MB, 600 * MB, None, inline=False) == 8_700 * MB
    assert memory_left(10_000 * MB, 600 * MB, None, inline=True) == 9_000 * MB
    assert memory_left(10_000 * MB, 600 * MB, 2_000 * MB, inline=False) == 1_100 * MB
    assert memory_left(1_000 * MB, 600 * MB, 2_000 * MB, inline=False) == 700 * MB, "the machine has less than allowed"


def test_too_small_a_limit_says_what_would_do() -> None:
    with pytest.raises(ResourceError, match="needs about 1050 MB of memory and 700 MB are allowed") as error:
        memory_left(10_000 * MB, 600 * MB, 700 * MB, inline=False)
    assert memory_left(10_000 * MB, 600 * MB, error.value.details["needed_bytes"], inline=False) == 150 * MB


@pytest.mark.parametrize("limit", [None, 4_000 * MB])
@pytest.mark.parametrize("inline", [True, False])
def test_a_full_machine_says_what_must_be_free(limit: int | None, inline: bool) -> None:
    with pytest.raises(ResourceError, match="100 MB are free") as error:
        memory_left(100 * MB, 600 * MB, limit, inline)
    assert memory_left(error.value.details["needed_bytes"] + 1, 600 * MB, limit, inline) >= 150 * MB
