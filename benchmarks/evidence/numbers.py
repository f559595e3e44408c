"""Real drafts without their texts.

    python -m benchmarks.evidence.numbers signals-embedded.jsonl > outcomes-embedded.jsonl

The input has questions, contexts, drafts of two embedded models with token log-probabilities, and verdicts; what is
written are outcomes of ids, scores, costs in tokens (output 4 times input, the large model 50 times the small),
verdicts and signals: numbers only, so that anyone can run the benchmark.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from automix_core.evidence import Token, textual, token_signals

RATIO, OUTPUT = 50, 4


def outcome(row: dict[str, Any]) -> dict[str, Any]:
    used = {name: u["input"] + OUTPUT * u["output"] for name, u in row["usage"].items()}
    small, large = row["small"], row["large"]
    reread = row["usage"]["verify"]["input"]  # the engine counts one of n completions, so the rest is each one's
    return {
        "id": row["id"],
        "reference": "gold",
        "models": [
            {
                "name": "0.5B",
                "score": small["score"],
                "cost": used["small"],
                "verdicts": small["verdicts"],
                "verdict_cost": {"first": reread, "again": reread, "each": used["verify"] - reread},
                "signals": signals(row, small),
            },
            {"name": "1.5B", "score": large["score"], "cost": RATIO * used["large"]},
        ],
    }


def signals(row: dict[str, Any], draft: dict[str, Any]) -> dict[str, float]:
    tokens = [Token(text, log, dict(map(tuple, others))) for text, log, others in draft["tokens"]]
    found = textual(row["question"], row["context"], draft["answer"]) | token_signals(tokens)
    return {name: round(value, 6) for name, value in found.items()}


if __name__ == "__main__":
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        print(json.dumps(outcome(json.loads(line))))
