"""Where results are written: never over what they were made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.test_collect import command, questions
from tests.cli.test_fit import automix, write
from tests.loopback import OpenAIServer, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.mark.parametrize("output", ["outcomes.jsonl", "folder/../outcomes.jsonl"])
def test_fit_does_not_write_over_its_outcomes(tmp_path: Path, output: str) -> None:
    (tmp_path / "folder").mkdir()
    path = write(tmp_path / "outcomes.jsonl", 20)
    before = path.read_bytes()
    assert "named twice" in automix("fit", path, "-o", tmp_path / output, fails=2).stderr
    assert path.read_bytes() == before


def test_evaluate_does_not_write_over_what_it_reads(tmp_path: Path) -> None:
    path, policy = write(tmp_path / "outcomes.jsonl", 20), tmp_path / "policy.json"
    automix("fit", path, "-o", policy)
    before = path.read_bytes(), policy.read_bytes()
    for option, file in (("--decisions", path), ("--report", policy)):
        assert "named twice" in automix("evaluate", policy, path, option, file, fails=2).stderr
    both = ("--decisions", tmp_path / "x", "--report", tmp_path / "x")
    assert "named twice" in automix("evaluate", policy, path, *both, fails=2).stderr
    assert (path.read_bytes(), policy.read_bytes()) == before


def test_collect_does_not_write_over_its_questions(tmp_path: Path) -> None:
    asked = questions(tmp_path)
    before = asked.read_bytes()
    models = ["--model=s=http://127.0.0.1:9#s", "--model=l=http://127.0.0.1:9#l"]
    assert "named twice" in automix("collect", asked, "-o", asked, *models, fails=2).stderr
    assert asked.read_bytes() == before


@pytest.mark.parametrize("folder", [".", "/"])
def test_a_folder_is_no_file_to_write(tmp_path: Path, folder: str) -> None:
    path = write(tmp_path / "outcomes.jsonl", 20)
    assert "is a folder" in automix("fit", path, "-o", folder, fails=2).stderr


def test_when_all_fails_earlier_outcomes_stay(server: OpenAIServer, tmp_path: Path) -> None:
    (tmp_path / "outcomes.jsonl").write_text("earlier")
    server.fail("s", Reply(status=401, error="no"))
    server.fail("l", Reply(status=401, error="no"))
    assert "can't be asked" in command(server, tmp_path, fails=1).stderr
    assert (tmp_path / "outcomes.jsonl").read_text() == "earlier"


def test_half_a_character_is_kept_as_a_question_mark(server: OpenAIServer, tmp_path: Path) -> None:
    server.say("s", "bad \ud83d half")
    command(server, tmp_path)
    assert "bad ? half" in (tmp_path / "outcomes.jsonl").read_text("utf-8")
