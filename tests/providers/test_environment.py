"""An environment of `scripts/providers` holds every client that it promises; findings and locks are well formed."""

from __future__ import annotations

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.providers.findings import FINDINGS, Finding, read

REQUIREMENTS = Path(__file__).with_name("requirements")


@pytest.mark.skipif("PROVIDERS_ENVIRONMENT" not in os.environ, reason="only scripts/providers makes environments")
def test_every_client_of_the_environment_is_installed() -> None:
    written = (REQUIREMENTS / f"{os.environ['PROVIDERS_ENVIRONMENT']}.in").read_text("utf-8")
    names = re.findall(r"^[a-z][\w-]+", written, re.MULTILINE)
    assert len(names) > 3
    assert all(version(name) for name in names)


def test_a_finding_is_a_sentence_over_its_cells() -> None:
    found = read("# one\na/b:c\n\n# two\n! a/d:*\n")
    assert found == {"a/b:c": Finding("one"), "a/d:*": Finding("two", run=False)}
    assert all(re.match(r"(langchain|llamaindex)/test_\w+:\S*$", cell) for cell in FINDINGS)
    assert all(finding.words for finding in FINDINGS.values())


def test_a_lock_file_names_no_index() -> None:
    locks = sorted(REQUIREMENTS.glob("*.lock"))
    assert 1 <= len(locks) <= 4
    for lock in locks:
        text = lock.read_text("utf-8")
        assert not re.search(r"^--|://", text, re.MULTILINE)
        assert text.count("--hash=sha256:") > 50
