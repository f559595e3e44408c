"""The page as a whole: its parts in order, its style and script, and plotly's, once."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from automix_core.errors import ConfigError
from automix_core.evaluation.regret import regrets

from .markup import Section, embedded, text
from .subject import Subject


def needs_plotly() -> None:
    """Raise `ConfigError`, naming the extra, where the plotting library is not installed."""
    if find_spec("plotly") is None:
        raise ConfigError("--report draws with plotly, which is not installed: pip install 'automix-rag[report]'")


def page(subject: Subject) -> str:
    """The whole page. Raises `ConfigError` where plotly is not installed."""
    needs_plotly()
    from plotly.offline import get_plotlyjs

    from .places import places
    from .questions import questions, shown
    from .regret import MOST, regret
    from .rule import rule
    from .spending import spending
    from .tradeoff import tradeoff
    from .trust import trust
    from .verdict import verdict

    found, spots = regrets(subject.columns, subject.done), places(subject)
    texts = subject.texts({*shown(len(subject.columns)), *found.worst(MOST)})
    table, rows = questions(subject, found, texts)
    sections = [
        verdict(subject, spots.ours, spots.singles),
        tradeoff(subject, spots),
        spending(subject),
        trust(subject),
        rule(subject),
        regret(subject, found, texts),
        table,
    ]
    figures = {figure.name: figure.plot for section in sections for figure in section.figures}
    scripts = [_own("page.js"), get_plotlyjs()]  # answer and table need not wait for plotly
    body = [
        _header(subject, sections),
        f"<main>{''.join(section.html() for section in sections)}</main>",
        _footer(subject),
        *(_data(name, value) for name, value in (("figures", figures), ("rows", rows))),
        *(f"<script>{script}</script>" for script in scripts),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head>{_head(subject, scripts)}<style>{_own("page.css")}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _head(subject: Subject, scripts: list[str]) -> str:
    """No script but these two runs, and nothing is fetched: what the policy of the page forbids, a browser refuses."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )
    return (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta name="referrer" content="no-referrer"><title>{text(_title(subject))}</title>'
    )


def _title(subject: Subject) -> str:
    return f"Does the cascade pay? {' → '.join(subject.names)}"


def _header(subject: Subject, sections: list[Section]) -> str:
    links = "".join(f'<li><a href="#{s.name}">{text(s.title)}</a></li>' for s in sections)
    n = f"{subject.facts['n']:,} questions"
    return (
        '<a class="skip" href="#verdict">To the answer</a><header><div><h1>Does the cascade pay?</h1>'
        f"<p>{text(' → '.join(subject.names))} · {n} · {_today()}</p></div>"
        '<button type="button" id="theme" hidden>Dark</button></header>'
        f'<nav aria-label="Parts of this page"><ul>{links}</ul></nav>'
    )


def _footer(subject: Subject) -> str:
    data, prices = subject.file.data, ", ".join(subject.prices)
    said = [
        f"Made on {_today()} by automix evaluate ({_version()}) from {' and '.join(subject.files)}",
        *([f"prices in USD per million tokens, input/output: {prices}"] if prices else []),
        *([f"policy fitted on {data.outcomes:,} outcomes, {data.date}"] if data else []),
        "the page holds the questions and answers of its outcomes: pass it on as you would pass those",
    ]
    return f"<footer><p>{text('; '.join(said))}.</p></footer>"


def _data(name: str, value: Any) -> str:
    return f'<script type="application/json" id="data-{name}">{embedded(value)}</script>'


def _own(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _today() -> str:
    today = datetime.now(UTC)
    return f"{today.day} {today:%B %Y}"


def _version() -> str:
    try:
        return f"automix-rag {version('automix-rag')}"
    except PackageNotFoundError:
        return "automix-rag, run from its source"
