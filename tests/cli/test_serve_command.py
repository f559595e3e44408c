"""`automix serve` as it is typed: what it refuses to begin with, and how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from automix_cli.serve.keys import Keys, read_keys
from automix_core.cascade_file.lines import line_of
from automix_core.cascade_file.reading import read_cascade_file
from automix_core.errors import ConfigError
from tests.cli.test_fit import automix
from tests.cli.test_serve import QUESTION, cascade_file
from tests.loopback import OpenAIServer, Reply

UNREACHED = """[[model]]
name = "small"
url = "http://127.0.0.1:9/v1#small"
[[model]]
name = "large"
url = "http://127.0.0.1:9/v1#large"
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (UNREACHED + "prise = '1/2'\n", "line 7: model.1.prise: there is no such setting; is price meant?"),
        ("[serve]\nport = 70000\n" + UNREACHED, "line 2: serve.port:"),
        ("[serve]\nhots = 'x'\n" + UNREACHED, "line 2: serve.hots: there is no such setting; is host meant?"),
        ("policy = 1.5\n" + UNREACHED, "Threshold"),
        ("policy = 'missing.json'\n" + UNREACHED, "missing.json"),
        ("timeout = 0\n" + UNREACHED, "line 1: timeout:"),
        ("max_cost = 1.0\n" + UNREACHED, "prices"),
        ("app = 'm:f'\n" + UNREACHED, "app is for collecting"),
        ("[[model]]\nname = 'one'\nurl = 'http://127.0.0.1:9/v1#one'\n", "two models or more"),
        ("[serve]\nkeys_file = 'nowhere.txt'\n" + UNREACHED, "nowhere.txt"),
        ("[serve]\nhost = '0.0.0.0'\n" + UNREACHED, "clients need keys"),
        ("[[model]\n", "is not TOML"),
    ],
)
def test_what_can_not_be_served_is_said_in_a_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "cascade.toml"
    path.write_text(text)
    said = automix("serve", path, fails=2).stderr
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_port_that_is_taken_and_a_name_that_is(tmp_path: Path) -> None:
    path, again = tmp_path / "cascade.toml", tmp_path / "again.toml"
    path.write_text(UNREACHED)
    again.write_text("name = 'cascade'\n" + UNREACHED)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        said = automix("serve", path, "--port", other.getsockname()[1], fails=2).stderr
    assert "choose another --port" in said
    assert "another cascade is called cascade" in automix("serve", path, again, fails=2).stderr


def test_the_line_of_a_setting() -> None:
    text = "a = 1\n[verify]\nk = 2\n[[model]]\nname = 'x'\n[[model]]\nname = 'y'\n"
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("verify", "k")) == 3
    assert line_of(text, ("model", 1, "name")) == 7
    assert line_of(text, ("model", 1, "url")) == 6  # where its table begins
    assert line_of(text, ("nowhere",)) is None


def test_keys_come_from_a_file_or_the_environment_and_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").write_text("# of the shop\nthe-first-key\n\nthe-second-key\n")
    found = read_keys(str(tmp_path / "keys"), "0.0.0.0")
    assert (found.of("Bearer the-second-key"), found.of("bearer the-first-key")) == (1, 0)
    assert found.of("Basic the-first-key") is None
    assert repr(found) == "Keys(2)"
    monkeypatch.setenv("AUTOMIX_SERVE_KEYS", "one-key-1, two-key-2")
    assert read_keys(None, "::").of("Bearer two-key-2") == 1
    monkeypatch.setenv("AUTOMIX_SERVE_KEYS", "short")
    with pytest.raises(ConfigError, match="Key 1 of the server is no key") as refused:
        read_keys(None, "::1")
    assert "short" not in str(refused.value)
    (tmp_path / "empty").write_text("# nothing\n")
    with pytest.raises(ConfigError, match="holds no key"):
        read_keys(str(tmp_path / "empty"), "127.0.0.1")
    assert (len(Keys([])), Keys([]).of(None)) == (0, 0)


def test_one_format_for_collecting_and_serving(tmp_path: Path) -> None:
    path = tmp_path / "both.toml"
    path.write_text("scorer = 'exact'\npolicy = 0.5\n" + UNREACHED + "[serve]\nport = 0\n")
    read = read_cascade_file(path)
    assert (read.scorer, read.policy, read.serve.port) == ("exact", 0.5, 0)


@contextmanager
def process(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "automix_cli", "serve", str(path), "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ}) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        assert said.startswith("Serving cascade at http://127.0.0.1:"), said
        try:
            yield running, said.split()[-1]
        finally:
            running.terminate()  # its workers would go on without it
            try:
                running.wait(timeout=60)
            finally:
                running.kill()


@pytest.mark.slow
def test_a_shutdown_lets_streams_come_to_their_end(tmp_path: Path) -> None:
    with OpenAIServer() as provider:
        provider.say("large", Reply("It was Oda Verrin, they say.", pieces=("It was ", "Oda ", "Verrin."), pause=1.0))
        provider.verdicts("Verdict: incorrect")
        body = {"model": "cascade", "messages": QUESTION, "stream": True}
        with (
            process(cascade_file(tmp_path, provider)) as (running, url),
            httpx.stream("POST", f"{url}/chat/completions", json=body, timeout=60) as reply,
        ):
            lines = reply.iter_lines()
            assert "assistant" in next(lines)
            running.send_signal(signal.SIGTERM)
            rest = [line for line in lines if line]
            assert rest[-1] == "data: [DONE]"
            assert any("escalate" in line for line in rest)
            assert running.wait(timeout=60) in (0, -signal.SIGTERM)
