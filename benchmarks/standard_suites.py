"""The standard suites of langchain-tests: how many ChatOpenAI passes here (S), and how many of S ours passes.

    python -m benchmarks.standard_suites [--json]

One run, one kind of server, the same flags for all. Expected failures are tests of S that ours is known to fail and
that carry their reason in `tests/langchain`.
"""

from __future__ import annotations

import argparse
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Listener:
    """Keeps what the suites' own conftest noted."""

    def __init__(self) -> None:
        self.outcomes: dict[str, dict[str, str]] = {}

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        from tests.langchain.standard import OUTCOMES  # imported by then, with pytest's own assertions

        self.outcomes = session.config.stash.get(OUTCOMES, {})


def measure() -> dict[str, Any]:
    """Suite, subject, counts."""
    listener = Listener()
    files = [str(ROOT / "tests/langchain" / f"test_standard_{kind}.py") for kind in ("unit", "integration")]
    with redirect_stdout(io.StringIO()):
        pytest.main([*files, "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"], plugins=[listener])
    table: dict[str, Any] = {}
    for baseline in ("TestUnitChatOpenAI", "TestChatOpenAI"):
        unit = baseline.startswith("TestUnit")
        whole = {test for test, outcome in listener.outcomes[baseline].items() if outcome == "passed"}
        rows = table["unit" if unit else "integration"] = {"S": len(whole)}
        for subject, found in listener.outcomes.items():
            if subject != baseline and subject.startswith("TestUnit") == unit:
                outcomes = [found.get(test, "missing") for test in whole]
                rows[subject.removeprefix("Test").removeprefix("Unit")] = {
                    kind: outcomes.count(kind) for kind in sorted(set(outcomes))
                }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    table = measure()
    if asked.json:
        print(json.dumps(table))
        return
    for suite, rows in table.items():
        print(f"{suite}: ChatOpenAI passes |S| = {rows.pop('S')}")
        for subject, counts in rows.items():
            print(f"  {subject:24}" + ", ".join(f"{count} {kind}" for kind, count in counts.items()))


if __name__ == "__main__":
    main()
