"""The pages besides their Python blocks, which `conftest.py` at the root runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from automix_core import Route, read_outcomes

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block."""

    page: Path
    language: str
    text: str


BLOCKS = [Block(page, *match.groups()) for page in PAGES for match in FENCE.finditer(page.read_text("utf-8"))]
COMMANDS = [line for block in BLOCKS if block.language == "console" for line in block.text.splitlines()]


def named(page: Path) -> str:
    """The page as tests are named after it."""
    return str(page.relative_to(ROOT))


def test_the_pages_have_blocks() -> None:
    assert {block.language for block in BLOCKS} >= {"python", "console"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_names_a_language_that_is_checked(page: Path) -> None:
    """Python is run, JSON and TOML are read, commands are looked up; a block of any other kind would escape."""
    assert {block.language for block in BLOCKS if block.page == page} <= {"python", "json", "toml", "console", "text"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_python_block_is_skipped(page: Path) -> None:
    assert "skip:" not in page.read_text("utf-8")


def test_json_blocks_are_what_they_show() -> None:
    """They can be read, and those that look like the record of a route are one, field by field."""
    documents = [json.loads(block.text) for block in BLOCKS if block.language == "json"]
    records = [document for document in documents if "action" in document]
    assert records
    for record in records:
        assert Route.from_dict(record).to_dict() == record
        for field in ("input_tokens", "output_tokens", "total_tokens"):
            parts = [record["usage"][role][field] for role in ("draft", "verify", "answer")]
            assert sum(parts) == sum(used[field] for used in record["usage"]["by_model"])
            assert sum(parts) == record["usage"]["total"][field]


def test_toml_blocks_can_be_read() -> None:
    documents = [tomllib.loads(block.text) for block in BLOCKS if block.language == "toml"]
    assert documents
    assert all(documents)


def test_outcomes_in_the_pages_can_be_read(tmp_path: Path) -> None:
    shown = [json.loads(block.text) for block in BLOCKS if block.language == "json" and '"models"' in block.text]
    file = tmp_path / "outcomes.jsonl"
    file.write_text("\n".join(json.dumps(outcome) for outcome in shown), "utf-8")
    assert shown
    assert len(list(read_outcomes(file))) == len(shown)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Files that the page links to or shows exist; addresses on the web are not visited."""
    for target in LINK.findall(page.read_text("utf-8")):
        if not re.match(r"[a-z]+:|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), f"{target} does not exist"


def test_make_targets_in_the_pages_exist() -> None:
    targets = set(re.findall(r"^([a-z ]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    known = {target for group in targets for target in group.split()}
    asked = {word for line in COMMANDS for word in re.findall(r"^make (\w+)", line)}
    assert asked
    assert asked <= known


def test_the_readme_tests_as_make_and_ci_do() -> None:
    """One command, in three places."""
    command = "-m pytest -n auto"
    assert f".venv/bin/python {command}" in (ROOT / "README.md").read_text("utf-8").splitlines()
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    asked = ["make", "--dry-run", "test"]
    dry = subprocess.run(asked, cwd=ROOT, env=outside, capture_output=True, text=True, check=True)
    assert f".venv/bin/python {command}" in [line.strip() for line in dry.stdout.splitlines()]
    assert re.search(r'stage "make test" make test\b', (ROOT / ".ci" / "run").read_text("utf-8"))


def test_automix_commands_in_the_pages_exist() -> None:
    """Every `automix ...` line is one that the command line knows, as far as its names and options go."""
    lines = [line.removeprefix(".venv/bin/").split() for line in COMMANDS]
    asked = [words[1:] for words in lines if words[:1] == ["automix"]]
    assert asked
    for name in {words[0] for words in asked}:
        known = subprocess.run(
            [sys.executable, "-m", "automix_cli", name, "--help"],
            cwd=ROOT,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in asked:
            if words[0] == name:
                assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", known))


def test_no_page_names_a_machine() -> None:
    """Paths of somebody's machine and addresses of package indexes do not belong here."""
    for page in PAGES:
        assert not re.search(r"/(?:home|root|tmp|work|Users)/|pypi\.org|--index-url", page.read_text("utf-8")), page
