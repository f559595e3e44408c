"""Verdicts of a real model on drafts in long contexts, whole and cut to budgets, kept without texts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from automix_core.checking.turns import Turn, turns
from automix_core.checking.verdict import read_verdict
from automix_core.endpoint.endpoint import Endpoint
from automix_core.outcomes.outcome import Outcome
from benchmarks.asked_model import asked_model
from benchmarks.passage_budget.contexts import SIZES, draft, fitted, is_right, is_told, lengthened, pool

RESULTS = Path(__file__).with_name("checks.jsonl")
BUDGETS = (None, 400, 200)
MODEL, N, LIMIT, AT_ONCE = "0.5b", 8, 256, 32
WINDOW = 16_384
"""Tokens of the embedded model: prompts of 60 kB have up to 14,000."""
Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One prompt, and the rows that its verdicts stand for: a context within a budget is asked of once."""

    messages: tuple[Turn, ...]
    rows: tuple[Row, ...]


def cases(outcomes: Sequence[Outcome]) -> Iterator[Case]:
    """Every question that has a draft, at every size with every budget, the small sizes first."""
    others = pool(outcomes)
    for size in SIZES:
        for outcome in outcomes:
            answer = draft(outcome)
            if not answer.strip():
                continue
            whole = lengthened(outcome, others, size)
            prompts: dict[tuple[Turn, ...], list[Row]] = {}
            for budget in BUDGETS:
                row = {"id": outcome.id, "size": size, "budget": budget}
                row |= {"told": is_told(outcome), "right": is_right(outcome)}
                prompts.setdefault(tuple(turns(fitted(whole, answer, budget), answer)), []).append(row)
            yield from (Case(messages, tuple(rows)) for messages, rows in prompts.items())


def rows(file: Path) -> list[Row]:
    """What was asked so far."""
    lines = file.read_text(encoding="utf-8").split("\n") if file.exists() else []
    return [json.loads(line) for line in lines if line.strip()]


def ask(outcomes: Sequence[Outcome], into: Path, small: str | None, seconds: float) -> None:
    """Ask for the verdicts that are not there yet."""
    end = time.monotonic() + seconds
    done = {(row["id"], row["size"], row["budget"]) for row in rows(into)}
    todo = [
        case
        for case in cases(outcomes)
        if any((row["id"], row["size"], row["budget"]) not in done for row in case.rows)
    ]
    print(f"{len(done)} rows done, {len(todo)} prompts to do")
    with (
        asked_model(small, MODEL, context=WINDOW) as endpoint,
        httpx.Client(trust_env=False, timeout=600) as client,
        into.open("a", encoding="utf-8") as file,
        ThreadPoolExecutor(AT_ONCE if small else 1) as threads,  # an engine of our own answers one after the other
    ):

        def asked(case: Case) -> list[Row]:
            return [] if time.monotonic() > end else read(case, texts(client, endpoint, case))

        for found in threads.map(asked, todo):
            file.writelines(json.dumps(row, separators=(",", ":")) + "\n" for row in found)
            file.flush()


def texts(client: httpx.Client, endpoint: Endpoint, case: Case) -> list[str]:
    """Eight checks of one prompt."""
    asked = {
        "model": endpoint.model,
        "messages": [{"role": role, "content": text} for role, text in case.messages],
        "n": N,
        "temperature": 1.0,
        "max_tokens": LIMIT,
        "seed": 1,
    }
    headers = {"Authorization": f"Bearer {endpoint.api_key}"}
    answer = client.post(f"{endpoint.base_url}/chat/completions", json=asked, headers=headers)
    answer.raise_for_status()
    return [choice["message"]["content"] or "" for choice in answer.json()["choices"]]


def read(case: Case, said: Sequence[str]) -> list[Row]:
    """The rows of a case once its checks are there, read by today's reader."""
    verdicts = [None if verdict is None else int(verdict) for verdict in map(read_verdict, said)]
    return [{**row, "verdicts": verdicts} for row in case.rows]
