"""What to collect, read from options; and what the journal knows a model by."""

from __future__ import annotations

from pathlib import Path

import pytest

from automix_cli.collect.calls import Calls
from automix_cli.collect.journal import Journal, Paid
from automix_cli.collect.plan import plan
from automix_core.endpoint.endpoint import Endpoint
from automix_core.errors import ConfigError
from tests.loopback import OpenAIServer


@pytest.mark.parametrize(
    ("small", "asked", "expected"), [("http://x/v1#m", None, 8), ("embedded:0.5b", None, 1), ("embedded:0.5b", 3, 3)]
)
def test_embedded_models_work_one_at_a_time(small: str, asked: int | None, expected: int) -> None:
    """They share this computer's CPU, where two at once are slower than one after the other."""
    assert plan(None, [f"small={small}", "large=http://x/v1#m"], concurrency=asked).concurrency == expected


async def test_a_restarted_engine_is_not_asked_again(tmp_path: Path) -> None:
    """An embedded model has another port and key at each start; the journal knows it by its name."""
    said: list[Paid] = []
    for key in ("first", "second"):
        with OpenAIServer() as server, Journal(tmp_path / "journal") as journal:
            endpoint = Endpoint(server.url, "m", key, 4096)
            async with Calls([endpoint], ["embedded:0.5b"], journal, 1, lambda: None) as calls:
                asked = [{"role": "user", "content": "Where?"}]
                said += await calls.draw(1, 0, asked, temperature=0.0, max_tokens=9)
            assert len(server.requests) == (key == "first")
    assert said[0] == said[1]


TWO = '[[model]]\nname = "s"\nurl = "http://x/v1#s"\n[[model]]\nname = "l"\nurl = "http://x/v1#l"\n'


def test_a_whole_configuration(tmp_path: Path) -> None:
    """Every setting, as the documentation shows it."""
    path = tmp_path / "collect.toml"
    path.write_text(
        'prompt = "{context} {question}"\nscorer = "choice"\nconcurrency = 4\ntexts = false\nsignals = ["support"]\n'
        "[verify]\nk = 4\ntemperature = 0.7\nmax_tokens = 128\n"
        '[[model]]\nname = "s"\nurl = "http://x/v1#s"\nprice = "0.1/0.4/0.025"\ntemperature = 0.2\nmax_tokens = 64\n'
        '[[model]]\nname = "l"\nurl = "http://x/v1#l"\nprice = "2/8"\n'
    )
    found = plan(path)
    assert (found.scorer, found.concurrency, found.texts, found.verify.k) == ("choice", 4, False, 4)
    assert found.signals == ("support",)
    assert found.prices is not None
    assert [price.cached_input for price in found.prices] == [0.025, None]
    assert (found.models[0].temperature, found.models[0].max_tokens) == (0.2, 64)
    overruled = plan(path, scorer="exact", concurrency=2, k=5)
    assert (overruled.scorer, overruled.concurrency, overruled.verify.k) == ("exact", 2, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[models]]\nname = "s"\n', "models: write [[model]], once for each model."),
        ('[model]\nname = "s"\n', "model: write [[model]], in double brackets, once for each model."),
        ("k = 4\n" + TWO, "k: write it in the table [verify]."),
        ("[verifier]\nk = 4\n" + TWO, "verifier: write the table [verify]."),
        ("[verify]\ntemprature = 1\n" + TWO, "verify.temprature: there is no such setting; is temperature meant?"),
        ("[verify]\nzzz = 1\n" + TWO, "verify.zzz: there is no such setting; known are k, temperature, max_tokens."),
        ("max_tokens = 4\n" + TWO, "max_tokens: write it in a [[model]] for its answers, in [verify] for checks."),
        (TWO + 'api_key = "sk-1"\n', "model.1.api_key: keys are read from the environment: NAME_API_KEY"),
        (TWO + 'base_url = "http://x"\n', "model.1.base_url: write url, as URL#MODEL."),
        (TWO + "price = 3\n", "model.1.price: input should be a valid string."),
        (TWO + "temperature = -1\n", "model.1.temperature: input should be greater than or equal to 0."),
        ('[[model]]\nname = "s"\n[[model]]\nname = "l"\n', "s has no url: where is it? Give URL#MODEL, or --app."),
        ('prompt = "{context}"\n' + TWO, "The prompt must contain {question}."),
        ("a = [\n", "is not TOML"),
    ],
)
def test_likely_slips_are_named(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        plan(path)
    assert words in str(caught.value)


def test_a_key_in_a_configuration_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TWO + 'api_key = "sk-very-secret"\n')
    with pytest.raises(ConfigError) as caught:
        plan(path)
    assert "sk-very-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "c.toml, line 1: not UTF-8 text; save the file as UTF-8."),
        (TWO.encode("utf-16"), "is UTF-16, not UTF-8 text"),
        (b"#" * 1_000_001, "is longer than 1,000,000 bytes; is it the right file?"),
        (None, "can't be read: No such file or directory."),
    ],
)
def test_configurations_that_are_no_text(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        plan(path)
    assert words in str(caught.value)
