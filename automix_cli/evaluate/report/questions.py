"""Every question as a row that the page's script shows: drafts, verdicts, signals, route, score and cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from automix_core.evaluation.regret import Regrets
from automix_core.outcomes.outcome import ModelOutcome, Outcome

from .markup import Section, paragraph
from .subject import THOUSAND, Subject

MOST = 10_000
"""Rows that a page holds."""
_BYTES = 1100
"""What a row may take on average; longer texts are cut for it."""
_LENGTHS = (4000, 2000, 1000, 500, 250, 120, 60)


def route(subject: Subject, row: int) -> str:
    """What was done with a question, in words."""
    done, names, several = subject.done, subject.names, len(subject.names) > 2
    last, said = int(done.model[row]), []
    for m, name in enumerate(names):
        if not done.drafted[row, m]:
            continue
        used = int(done.used[row, m])
        checks = f"after {used} check{'s' if used > 1 else ''}" if used else "unchecked"
        draft = f"{name}'s draft" if several else "draft"
        if m != last:
            said.append(f"{draft} rejected {checks}")
        elif used:
            said.append(f"{draft} kept {checks}")
        else:
            said.append(f"{name} answered" if said else f"{name} answered, {checks}")
    return ", ".join(said)


def questions(subject: Subject, found: Regrets, texts: Mapping[int, Outcome]) -> tuple[Section, dict[str, Any]]:
    """The part of the page, and the data that its script shows there."""
    rows = shown(len(subject.columns))
    longest, data = _roomy(subject, found, rows, texts)
    n = subject.facts["n"]
    said = (
        f"All {n:,} questions."
        if len(rows) == n
        else (
            f"{len(rows):,} of {n:,} questions, evenly spaced among them. "
            "automix evaluate --decisions writes a line for each."
        )
    )
    if longest is not None:
        said += f" Texts longer than {longest:,} signs are cut."
    body = paragraph(said) + '<div id="browse"><noscript><p>This table needs JavaScript.</p></noscript></div>'
    return Section("questions", "Question by question", body), data


def shown(n: int) -> list[int]:
    """The rows that a page holds: all, or evenly spaced ones."""
    return list(range(n)) if n <= MOST else np.unique(np.linspace(0, n - 1, MOST).astype(int)).tolist()


def marks(model: ModelOutcome) -> str:
    """The recorded verdicts, a sign each."""
    return "".join("?" if said is None else "1" if said else "0" for said in model.verdicts)


def _roomy(
    subject: Subject, found: Regrets, rows: Sequence[int], texts: Mapping[int, Outcome]
) -> tuple[int | None, dict[str, Any]]:
    """The data with texts as long as there is room for, and that length if any was cut."""
    said = [text or "" for row in rows for text in (texts[row].question, *(m.answer for m in texts[row].models))]
    lengths = np.array([len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) for text in said])
    room = max(200_000, _BYTES * len(rows))
    longest = next((most for most in _LENGTHS if np.minimum(lengths, most).sum() <= room), _LENGTHS[-1])
    cut = any(len(text) > longest for text in said)
    return longest if cut else None, _data(subject, found, rows, texts, longest)


def _data(
    subject: Subject, found: Regrets, rows: Sequence[int], texts: Mapping[int, Outcome], longest: int
) -> dict[str, Any]:
    columns, done = subject.columns, subject.done
    routes: dict[str, int] = {}
    data = []
    for row in rows:
        record = texts[row]
        way = routes.setdefault(route(subject, row), len(routes))
        models = [
            [
                _cut(model.answer, longest),
                _round(columns.scores[row, m]),
                _round(THOUSAND * columns.costs[row, m]),
                marks(model),
                _round(columns.probability[row, m]),
                [_round(values[row, m]) for values in columns.signals.values()],
                int(done.used[row, m]),
                int(done.drafted[row, m]),
            ]
            for m, model in enumerate(record.models)
        ]
        data.append(
            [
                record.id,
                _cut(record.question, longest),
                way,
                int(done.model[row]),
                _round(done.score[row]),
                _round(THOUSAND * done.cost[row]),
                _round(found.missed[row]),
                int(found.best[row]),
                models,
                [_cut(answer, longest) for answer in record.answers or ()][:5],
            ]
        )
    return {
        "models": list(subject.names),
        "signals": list(columns.signals),
        "routes": list(routes),
        "unit": subject.unit,
        "rows": data,
    }


def _cut(words: str | None, longest: int) -> str | None:
    return words if words is None or len(words) <= longest else f"{words[: longest - 1]}…"


def _round(value: float) -> float | None:
    return None if np.isnan(value) else float(f"{value:.4g}")
