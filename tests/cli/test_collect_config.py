"""What to collect, read from options; and what the journal knows a model by."""

from __future__ import annotations

from pathlib import Path

import pytest

from automix_cli.collect.calls import Calls
from automix_cli.collect.journal import Journal
from automix_cli.collect.plan import plan
from automix_cli.endpoint.endpoint import Endpoint
from tests.loopback import OpenAIServer


@pytest.mark.parametrize(
    ("small", "asked", "expected"), [("http://x/v1#m", None, 8), ("embedded:0.5b", None, 1), ("embedded:0.5b", 3, 3)]
)
def test_embedded_models_work_one_at_a_time(small: str, asked: int | None, expected: int) -> None:
    """They share this computer's CPU, where two at once are slower than one after the other."""
    assert plan(None, [f"small={small}", "large=http://x/v1#m"], concurrency=asked).concurrency == expected


async def test_a_restarted_engine_is_not_asked_again(tmp_path: Path) -> None:
    """An embedded model has another port and key at each start; the journal knows it by its name."""
    said = []
    for key in ("first", "second"):
        with OpenAIServer() as server, Journal(tmp_path / "journal") as journal:
            endpoint = Endpoint(server.url, "m", key, 4096)
            async with Calls([endpoint], ["embedded:0.5b"], journal, 1, lambda: None) as calls:
                asked = [{"role": "user", "content": "Where?"}]
                said.append(await calls.complete(0, asked, temperature=0.0, max_tokens=9))
            assert len(server.requests) == (key == "first")
    assert said[0] == said[1]
