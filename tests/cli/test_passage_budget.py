"""The measurement of checks with and without `passage_budget`: what is asked, what is kept, what is made of it."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest

from automix_core.outcomes.outcome import Outcome
from benchmarks.passage_budget import checks, discrimination

TOWNS = ("Bergen", "Oslo", "Tromso", "Hamar", "Molde", "Narvik", "Bodo", "Alta")


def outcomes() -> list[Outcome]:
    """Questions on towns, with a context of about 850 bytes each; the draft names the right mayor or another."""
    return [
        Outcome.model_validate(
            {
                "id": town,
                "question": f"Who is mayor of {town}?",
                "context": f"The mayor of {town} is called {town}sen. " + f"People of {town} like to sail. " * 26,
                "answers": [f"{town}sen"],
                "models": [
                    {"name": "small", "score": place % 2, "cost": 1, "answer": f"{town if place % 2 else 'Ny'}sen"},
                    {"name": "large", "score": 1, "cost": 9, "answer": f"{town}sen"},
                ],
            }
        )
        for place, town in enumerate(TOWNS)
    ]


def test_a_context_within_the_budget_is_asked_of_once_and_stands_for_both() -> None:
    found = list(checks.cases(outcomes()))
    small = [case for case in found if case.rows[0]["size"] == 1_000]
    assert [{row["budget"] for row in case.rows} for case in small if len(case.rows) > 1] == [{None, 400}] * len(TOWNS)
    long = [case for case in found if case.rows[0]["size"] == 4_000]
    assert len(long) == 3 * len(TOWNS)
    whole, part, _ = (case.messages[-1][1] for case in long[3:6])
    assert len(whole) > 3_000
    assert len(part) < 2_000
    assert "Oslosen" in part


def test_asked_verdicts_are_kept_without_texts_and_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def texts(client: httpx.Client, endpoint: object, case: checks.Case) -> list[str]:
        asked.append(case.messages[-1][1])
        return ["Reason: Bergensen.\nVerdict: Correct", "Verdict: Incorrect", "who knows"]

    monkeypatch.setattr(checks, "texts", texts)
    monkeypatch.setattr(checks, "SIZES", (1_000,))
    file = tmp_path / "checks.jsonl"
    for _ in range(2):
        checks.ask(outcomes(), file, "http://127.0.0.1:9/v1#none", 60)
    assert len(asked) == 2 * len(TOWNS)
    assert len(checks.rows(file)) == 3 * len(TOWNS)
    assert all(row["verdicts"] == [1, 0, None] for row in checks.rows(file))
    assert "sen" not in file.read_text("utf-8")


def test_the_committed_verdicts_are_whole_and_without_texts() -> None:
    found = checks.rows(checks.RESULTS)
    assert {tuple(row) for row in found} == {("id", "size", "budget", "told", "right", "verdicts")}
    assert len({(row["id"], row["size"], row["budget"]) for row in found}) == len(found) == 212 * 5 * 3


def test_figures_of_a_part_that_tells_all_of_what_the_whole_tells_nothing_of() -> None:
    def row(one: int, budget: int | None) -> checks.Row:
        said = [int(one % 2 == 0)] * 8 if budget else [None] * 8
        return {"id": str(one), "size": 1_000, "budget": budget, "right": one % 2 == 0, "verdicts": said}

    both = discrimination.sides([row(one, cut) for one in range(40) for cut in (None, 400)], [1_000], 400)
    assert both.figures == (1.0, 0.5, -0.5)
    auroc, change, surer = both.intervals()
    assert (auroc.low, change.high, surer.mean) == (1.0, 0.5, -0.5)
    alike = discrimination.Sides(both.whole, both.part, np.ones_like(both.right))
    assert alike.figures is None


def test_a_draft_without_readable_verdicts_ranks_in_the_middle() -> None:
    assert [discrimination.confidence(said) for said in ([None], [1, None], [1, 0, 0, 1], [0])] == [0.5, 1, 0.5, 0]
