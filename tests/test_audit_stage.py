"""The audit of dependencies in CI: a source that tells nothing is no all-clear."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scripts.audited import judge

CLEAN = {"name": "httpx", "version": "0.28.1", "vulns": []}
FOUND = {"name": "rich", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
SKIPPED = {"name": "numpy", "skip_reason": "could not be audited"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([CLEAN, SKIPPED], 0, "1 of 2 packages looked up, 0 findings."),
        ([CLEAN, FOUND], 1, "rich 1: PYSEC-1, fixed in 2"),
        ([SKIPPED], 2, ""),
        ([], 2, ""),
    ],
)
def test_only_what_was_looked_up_counts(packages: list[dict[str, Any]], code: int, words: str) -> None:
    found, lines = judge(json.dumps({"dependencies": packages}))
    assert (found, words in "\n".join(lines)) == (code, True)


@pytest.mark.parametrize("text", ["", "Traceback", "[]", "{}", '{"dependencies": null}'])
def test_no_answer_is_no_result(text: str) -> None:
    assert judge(text) == (2, [])
