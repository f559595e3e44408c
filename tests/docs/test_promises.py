"""The page "Promises": its tests exist, its tables are the committed run, and the run is what happens today."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.faults import cell
from benchmarks.faults.catalogue import FAULTS, REDIRECT, Fault
from benchmarks.faults.run import SENSIBLE, prepared
from benchmarks.faults.server import STEPS, FaultServer
from benchmarks.faults.table import letters, load, section
from benchmarks.faults.ways import WAYS, Way, ways_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8")
SENSIBLE_CELLS = load()["settings"]["sensible"]["cells"]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
TRIED_AGAIN = ("connection", "closed", "no HTTP", "silent", "a byte", "body shorter", "429", "50", "gzip")
"""How the names begin of faults that clients wait for, or after."""
QUICK = [fault for fault in FAULTS if not fault.name.startswith(TRIED_AGAIN)]


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_the_test_that_proves_a_promise_exists(path: str, name: str) -> None:
    assert re.search(rf"^\s*(async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)


def test_every_promise_names_its_test() -> None:
    table = PAGE.partition("| promise |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) > 20
    assert all("::" in row.split("|")[2] for row in table)


def test_the_page_shows_the_run_as_it_was() -> None:
    assert section(load()) in PAGE


def test_the_run_was_whole_and_kept_what_is_promised() -> None:
    assert list(SENSIBLE_CELLS) == [fault.name for fault in FAULTS]
    assert len(FAULTS) == 38
    for step in STEPS:
        assert letters(SENSIBLE_CELLS, step).total() == 38 * len(WAYS)
    cells = {fault.name: SENSIBLE_CELLS[fault.name] for fault in FAULTS if fault.name != REDIRECT and not fault.slow}
    for step in ("draft", "checks"):
        assert set(letters(cells, step)) <= {"A", "-"}
    assert not set("UL") & set(letters(cells, "answer"))
    for setting in load()["settings"].values():
        assert max(setting["most_requests_for_checks"].values()) <= 8 + 2
        assert setting["without_a_route"] == []


def test_under_a_limit_of_the_cascade_no_question_is_without_end() -> None:
    limited = load()["settings"]["default"]
    assert limited["cascade"] == {"timeout": 20}
    assert all("L" not in letters(limited["cells"], step) for step in STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS, ids=[way.name for way in WAYS])
@pytest.mark.filterwarnings("ignore")  # the clients' own, of answers that are none
def test_the_letters_are_what_happens(way: Way) -> None:
    def shown(fault: Fault, step: Any) -> str:
        told: str = SENSIBLE_CELLS[fault.name][step][way.framework]
        return told[ways_of(way.framework).index(way)]

    with prepared(), FaultServer() as server:
        for fault in QUICK:
            for step in STEPS:
                outcome = cell.run(server, SENSIBLE, fault, step, way)
                assert outcome.grade == shown(fault, step), outcome
                assert outcome.asked[1] <= 8 + 2
