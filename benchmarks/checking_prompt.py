"""What the checking prompt is worth: that of c659b6b and today's, on the same questions, drafts and model.

    python -m benchmarks.checking_prompt

`outcomes-embedded.jsonl` as it stood at that commit, out of this repository's history, and as it stands: 60 questions,
the drafts of the embedded 0.5B at temperature 0 and eight verdicts on each. Printed for each prompt: the share of
verdicts that can't be read and the AUROC of the confidence for "this draft is right", and the difference of the two
with an interval by resampling questions.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.injections.before import COMMIT
from benchmarks.verdict_reading import auroc

FILE = Path(__file__).with_name("outcomes-embedded.jsonl")
DRAWS = 4000


def drafts(text: str) -> dict[str, Any]:
    """The small model's draft of each question, with its score and verdicts."""
    records = [json.loads(line) for line in text.splitlines()]
    return {record["id"]: record["models"][0] for record in records}


def before() -> str:
    """The file at that commit."""
    name = f"{COMMIT}:benchmarks/{FILE.name}"
    shown = subprocess.run(["git", "show", name], cwd=FILE.parent, capture_output=True, check=True, text=True)
    return shown.stdout


def confidence(verdicts: list[int | None]) -> float:
    """The share of readable verdicts that say correct; an even chance where there is none."""
    readable = verdicts.count(1) + verdicts.count(0)
    return verdicts.count(1) / readable if readable else 0.5


def scored(found: dict[str, Any], ids: list[str]) -> list[tuple[bool, float]]:
    """Whether each draft is right, and its confidence."""
    return [(found[one]["score"] >= 0.5, confidence(found[one]["verdicts"])) for one in ids]


def main() -> None:
    """Compare, and print the figures."""
    then, now = drafts(before()), drafts(FILE.read_text("utf-8"))
    ids = sorted(then.keys() & now.keys())
    alike = sum(then[one]["score"] == now[one]["score"] for one in ids)
    print(f"{len(ids)} questions, {alike} with the same score")
    for name, found in ((COMMIT, then), ("today", now)):
        verdicts = [verdict for one in ids for verdict in found[one]["verdicts"]]
        unreadable = verdicts.count(None) / len(verdicts)
        print(f"{name}: {len(verdicts)} verdicts, {unreadable:.1%} unreadable, AUROC {auroc(scored(found, ids)):.3f}")
    draws, changes = np.random.default_rng(0), []
    for _ in range(DRAWS):
        some = [ids[place] for place in draws.integers(0, len(ids), len(ids))]
        before_, after = auroc(scored(then, some)), auroc(scored(now, some))
        if before_ is not None and after is not None:
            changes.append(after - before_)
    low, high = np.quantile(changes, [0.025, 0.975])
    print(f"change of the AUROC: {np.mean(changes):+.3f} ({low:+.3f} to {high:+.3f})")


if __name__ == "__main__":
    main()
