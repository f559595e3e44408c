"""What the checking prompt is worth: earlier ones and today's, by verdicts on the same drafts of the same model.

    python -m benchmarks.checking_prompt

All of Qwen2.5-Coder-0.5B on its own drafts, eight verdicts each, recorded in this repository:

- 285 questions of SQuAD, FairytaleQA and PubMedQA under prompts that differ in their marks alone, on one machine
  (`checking-prompts.jsonl`): none, as at c659b6b; two digits in the worked examples and six in the case, as until
  2026-11-26; two in both; six in both, as today. Temperature 1.0, the embedded model's weights on a GPU;
- the demo's ledger, 60 questions: under the prompt of c659b6b (the file as it stood at that commit, out of the
  history) and with two and six digits, temperature 1.0, the embedded engine;
- 145 questions of SQuAD: under an earlier prompt with turns, temperature 0.7, the embedded engine
  (`evidence/outcomes-squad.jsonl`), and with two and six digits, temperature 1.0, the same weights on a GPU, contexts
  filled up to 1 kB (`passage_budget/checks.jsonl`). More than the prompt differs there.

Printed for each: the share of verdicts that can't be read and the AUROC of the confidence for "this draft is right",
and the difference of the two with an interval by resampling questions.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from automix_core.evaluation.discrimination import auroc
from benchmarks.injections.before import COMMIT
from benchmarks.passage_budget.discrimination import confidence

HERE = Path(__file__).parent
LEDGER = HERE / "outcomes-embedded.jsonl"
MARKS = ("none", "2 and 6 digits", "2 digits", "6 digits")
DRAWS = 4000

Checked: TypeAlias = dict[str, tuple[bool, list[int | None]]]
"""By question: whether the draft is right, and its verdicts."""


def outcomes(text: str) -> Checked:
    """The small model's drafts in a file of outcomes."""
    drafts = {record["id"]: record["models"][0] for record in map(json.loads, text.splitlines())}
    return {one: (draft["score"] >= 0.5, draft["verdicts"]) for one, draft in drafts.items()}


def earlier() -> str:
    """The ledger at that commit."""
    name = f"{COMMIT}:benchmarks/{LEDGER.name}"
    return subprocess.run(["git", "show", name], cwd=HERE, capture_output=True, check=True, text=True).stdout


def whole_contexts() -> Checked:
    """Checks of the shortest contexts, as they are."""
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in (HERE / "passage_budget" / "checks.jsonl").read_text("utf-8").splitlines()
    ]
    return {row["id"]: (row["right"], row["verdicts"]) for row in rows if row["size"] == 1000 and row["budget"] is None}


def by_marks(marks: str) -> Checked:
    """Checks under the prompt with these marks."""
    rows: list[dict[str, Any]] = [
        json.loads(line) for line in (HERE / "checking-prompts.jsonl").read_text("utf-8").splitlines()
    ]
    return {row["id"]: (row["right"], row[marks]) for row in rows}


def worth(found: Checked, ids: Sequence[str]) -> float | None:
    """The AUROC of the confidence over these questions."""
    values, right = np.array([confidence(found[one][1]) for one in ids]), np.array([found[one][0] for one in ids])
    return auroc(values, right)


def compare(then: Checked, now: Checked, names: tuple[str, str] = ("then", "2 and 6 digits")) -> None:
    """Print the figures of both, and their difference."""
    ids = sorted(then.keys() & now.keys())
    print(f"{len(ids)} drafts, {sum(then[one][0] == now[one][0] for one in ids)} of them scored alike")
    for name, found in zip(names, (then, now), strict=True):
        verdicts = [verdict for one in ids for verdict in found[one][1]]
        print(f"  {name}: {verdicts.count(None) / len(verdicts):.1%} unreadable, AUROC {worth(found, ids):.3f}")
    places, changes = np.random.default_rng(0), []
    for _ in range(DRAWS):
        some = [ids[place] for place in places.integers(0, len(ids), len(ids))]
        before, after = worth(then, some), worth(now, some)
        if before is not None and after is not None:
            changes.append(after - before)
    low, high = np.quantile(changes, [0.025, 0.975])
    print(f"  change of the AUROC: {np.mean(changes):+.3f} ({low:+.3f} to {high:+.3f})")


def main() -> None:
    """Compare, and print the figures."""
    for then, now in [("none", marks) for marks in MARKS[1:]] + [("2 and 6 digits", "6 digits")]:
        compare(by_marks(then), by_marks(now), (then, now))
    compare(outcomes(earlier()), outcomes(LEDGER.read_text("utf-8")))
    compare(outcomes((HERE / "evidence" / "outcomes-squad.jsonl").read_text("utf-8")), whole_contexts())


if __name__ == "__main__":
    main()
