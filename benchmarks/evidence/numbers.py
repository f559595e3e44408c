"""Real drafts without their texts.

    python -m benchmarks.evidence.numbers signals-embedded.jsonl > outcomes-embedded.jsonl
    python -m benchmarks.evidence.numbers outcomes-squad.jsonl > outcomes-squad.jsonl     (another folder's: with texts)

The input has questions, contexts, drafts of two embedded models (the first file's with token log-probabilities) and
verdicts; what is written are outcomes of ids, scores, costs in tokens (output 4 times input, the large model 50 times
the small), verdicts and signals, of the query too: numbers only, so that anyone can run the benchmark.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from automix_core.evidence import Token, asked, textual, token_signals

RATIO, OUTPUT = 50, 4


def outcome(row: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a row of either file."""
    if "models" in row:
        return without_texts(row)
    used = {name: u["input"] + OUTPUT * u["output"] for name, u in row["usage"].items()}
    small, large = row["small"], row["large"]
    reread = row["usage"]["verify"]["input"]  # the engine counts one of n completions, so the rest is each one's
    return {
        "id": row["id"],
        "reference": "gold",
        "query_signals": of_query(row),
        "models": [
            {
                "name": "0.5B",
                "score": small["score"],
                "cost": used["small"],
                "verdicts": small["verdicts"],
                "verdict_cost": {"first": reread, "again": reread, "each": used["verify"] - reread},
                "signals": signals(row, small),
            },
            {
                "name": "1.5B",
                "score": large["score"],
                "cost": RATIO * used["large"],
                "signals": signals(row, large),
            },
        ],
    }


def without_texts(row: dict[str, Any]) -> dict[str, Any]:
    """An outcome with the textual signals of the first model's answer, without texts."""
    kept = ("name", "score", "cost", "verdicts", "verdict_cost")
    models = [{name: model[name] for name in kept if name in model} for model in row["models"]]
    found = textual(row["question"], row["context"], row["models"][0]["answer"])
    models[0]["signals"] = {name: round(value, 6) for name, value in found.items()}
    return {"id": row["id"], "reference": "gold", "query_signals": of_query(row), "models": models}


def of_query(row: dict[str, Any]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in asked(row["question"], row["context"]).items()}


def signals(row: dict[str, Any], draft: dict[str, Any]) -> dict[str, float]:
    tokens = [Token(text, log, *(dict(map(tuple, each)) for each in rest)) for text, log, *rest in draft["tokens"]]
    found = textual(row["question"], row["context"], draft["answer"]) | token_signals(tokens)
    return {name: round(value, 6) for name, value in found.items()}


if __name__ == "__main__":
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        print(json.dumps(outcome(json.loads(line))))
