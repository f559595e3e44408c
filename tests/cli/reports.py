"""Reports to look at: outcomes with texts, some of them hostile, and the page that is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from automix_core import Policy, Threshold, save_policy
from tests.cli.test_fit import automix
from tests.core.worlds import outcomes

HOSTILE = (
    "<script>document.title='owned'</script>",
    "</script><script>document.title='owned'</script>",
    "<!-- <script>",
    "--><img src=x onerror=\"document.title='owned'\">",
    "<a href=\"javascript:document.title='owned'\">click</a>",
    "javascript:document.title='owned'",
    "line\u2028separator\u2029here",
    "{{tradeoff-plot}} ${1} %{x} $x$",
    "\u202eright to left\u202c \x00 nul \x1b[31m",
    "]]> &lt;b&gt; &amp; \"quoted\" 'twice'",
    "a" * 3000,
    "<svg/onload=\"document.title='owned'\">",
)
EVIL_NAME = "<b onclick=\"document.title='owned'\">small</b> <a href='javascript:alert(1)'>x</a>"


def rows(n: int, *, hostile: bool = False, timed: bool = True, **world: Any) -> list[dict[str, Any]]:
    """`n` outcomes with questions, answers, signals and times, as JSON has them."""
    found = []
    for i, outcome in enumerate(outcomes(n, 3, unreadable=0.1, **world)):
        row = json.loads(outcome.model_dump_json(exclude_none=True))
        text = HOSTILE[i % len(HOSTILE)] if hostile else f"What is the answer to question {i}?"
        row |= {"question": text, "context": ["A passage.", text], "answers": [f"answer {i}", text]}
        for m, model in enumerate(row["models"]):
            model["answer"] = text if hostile else f"model {m} says {i}"
            model["signals"] = {"support": round((i * 7 % 10) / 10, 2), "echo": i % 3 / 2}
            if timed:
                model |= {"seconds": 0.5 + m, "verdict_seconds": 0.2}
            if hostile:
                model["name"] = EVIL_NAME if m == 0 else "</title><script>document.title='owned'</script>"
        found.append(row)
    return found


def written(folder: Path, records: list[dict[str, Any]], *extra: object, policy: Policy | None = None) -> Path:
    """The report of `policy`, by default a plain threshold, on `records`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "outcomes.jsonl").write_text(lines, "utf-8")
    names = [model["name"] for model in records[0]["models"]]
    save_policy(policy or Threshold(0.6), folder / "policy.json", models=names, k=8)
    report = folder / "report.html"
    automix("evaluate", folder / "policy.json", folder / "outcomes.jsonl", "--report", report, *extra)
    return report
