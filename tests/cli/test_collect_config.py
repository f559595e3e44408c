"""What to collect, read from options."""

from __future__ import annotations

import pytest

from automix_cli.collect_config import plan


@pytest.mark.parametrize(
    ("small", "asked", "expected"), [("http://x/v1#m", None, 8), ("embedded:0.5b", None, 1), ("embedded:0.5b", 3, 3)]
)
def test_embedded_models_work_one_at_a_time(small: str, asked: int | None, expected: int) -> None:
    """They share this computer's CPU, where two at once are slower than one after the other."""
    assert plan(None, [f"small={small}", "large=http://x/v1#m"], concurrency=asked).concurrency == expected
