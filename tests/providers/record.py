"""The record of the matrix: with each client how many cells of each kind were tried, and how many of them held.

`scripts/providers --record` writes it beside this file, an environment a file. The page of providers shows it, and a
run of the matrix compares it with the cells that there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

FOLDER = Path(__file__).with_name("record")
KINDS = {
    "answers": ("test_answers", "test_answers_as_the_large_model"),
    "objects": ("test_structured_output", "test_an_object_streams_from_the_large_model"),
    "tools": (
        "test_a_tool_is_called_and_the_answer_after_it_is_checked",
        "test_an_answer_after_a_tools_result_is_not_refused",
    ),
    "settings": (
        "test_the_settings_of_a_check_stand_under_the_clients_own_names",
        "test_a_check_drops_what_would_spoil_it",
        "test_a_limit_and_a_temperature_of_the_users_own_give_way_in_a_check",
        "test_correct_and_incorrect_are_told_apart",
    ),
    "log-probabilities": (
        "test_a_check_in_one_word_is_read_from_its_tokens",
        "test_a_drafts_tokens_are_signals",
    ),
    "thoughts": (
        "test_thoughts_are_never_judged",
        "test_a_model_that_thinks_before_its_verdict_is_heard",
        "test_thoughts_of_another_provider_stay_out",
    ),
    "endings": (
        "test_a_draft_with_a_bad_ending_is_rejected_unverified",
        "test_a_draft_with_a_good_ending_is_kept",
    ),
    "refusals": ("test_a_setting_that_is_refused_is_left_out_and_remembered", "test_checks_that_fail_stop_soon"),
    "cancelling": ("test_cancellation_closes_the_requests",),
    "caches": (
        "test_what_checks_share_is_marked_for_the_providers_cache",
        "test_a_model_that_takes_no_marks_is_checked_without",
        "test_tokens_from_a_cache_are_told",
    ),
}
"""What the page calls the tests of each kind."""

Cells: TypeAlias = dict[str, dict[str, tuple[int, int]]]
"""By client and test: the cells tried, and those that held."""


@dataclass(frozen=True)
class Cell:
    """One cell that was run, or that there is."""

    client: str
    test: str
    held: bool = False


@dataclass(frozen=True)
class Record:
    """What one environment tried on a day."""

    date: str
    cells: Cells


def cell_of(item: Any, held: bool = False) -> Cell | None:
    """The cell that a test is; None for one of another kind."""
    client: Any = item.callspec.params.get("client") if hasattr(item, "callspec") else None
    return Cell(client.name, item.originalname, held) if hasattr(client, "provider") else None


def counted(cells: Iterable[Cell]) -> Cells:
    """The cells of each client and test, counted."""
    found: Cells = {}
    for cell in cells:
        tests = found.setdefault(cell.client, {})
        tried, held = tests.get(cell.test, (0, 0))
        tests[cell.test] = (tried + 1, held + cell.held)
    return {client: dict(sorted(tests.items())) for client, tests in sorted(found.items())}


def written(record: Record) -> str:
    """A record as it is kept: a line a client."""
    lines = [f"  {json.dumps(client)}: {json.dumps(tests)}" for client, tests in record.cells.items()]
    return f'{{"date": "{record.date}", "cells": {{\n' + ",\n".join(lines) + "\n}}\n"


def read(environment: str) -> Record:
    """The record of an environment."""
    kept = json.loads((FOLDER / f"{environment}.json").read_text("utf-8"))
    cells = {
        client: {test: (tried, held) for test, (tried, held) in tests.items()}
        for client, tests in kept["cells"].items()
    }
    return Record(kept["date"], cells)


def by_kind(tests: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """The cells of one client, tried and held, by what the page calls them."""
    found = {}
    for kind, names in KINDS.items():
        some = [tests[name] for name in names if name in tests]
        found[kind] = (sum(tried for tried, _ in some), sum(held for _, held in some))
    return found
