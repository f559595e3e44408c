"""From files with texts to numbers: tokens or seconds of each step, and what cascadeflow asked for.

The agent of cascadeflow sees the texts, so only its decisions are kept: how often it asked either model. It is shown
each question under two prompts, as what it judges is the whole prompt.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
THREE, SQUAD = HERE / "three-sets.jsonl", HERE / "squad.jsonl"
PROMPTS = {
    "context first": "Answer the question from the context, as briefly as you can.\n\nContext:\n{context}\n\n"
    "Question: {question}\nAnswer:",
    "question first": "{question}\n\nAnswer as briefly as you can, from this text:\n\n{context}",
}
Row = dict[str, Any]


def record(three: Path, squad: Path, peer: str) -> None:
    """Write both files of numbers anew; `peer` is the interpreter of an environment with cascadeflow."""
    for source, target, numbers in (three, THREE, tokens), (squad, SQUAD, seconds):
        rows = [json.loads(line) for line in source.read_text("utf-8").splitlines()]
        asked = {name: theirs(rows, prompt, peer) for name, prompt in PROMPTS.items()}
        found = [
            {"id": row["id"], **numbers(row), "cascadeflow": {name: asked[name][row["id"]] for name in asked}}
            for row in rows
        ]
        target.write_text("".join(f"{json.dumps(one)}\n" for one in found), "utf-8")


def tokens(row: Row) -> Row:
    """Tokens in and out: of either answer, and of a request for checks and one verdict."""
    steps = {"small": "small", "checks": "verify", "large": "large"}
    return {"tokens": {step: [row["usage"][name][way] for way in ("input", "output")] for step, name in steps.items()}}


def seconds(row: Row) -> Row:
    """Seconds that were recorded when the answers were: of either answer and of all checks in one request."""
    took = row["measured"]["seconds"]
    return {"seconds": {"small": took["small"], "checks": took["verify"], "large": took["large"]}}


def theirs(rows: list[Row], prompt: str, peer: str) -> dict[str, list[int]]:
    """How often cascadeflow's agent asked the small model and the large one, by question."""
    shown = "".join(json.dumps(as_shown(row, prompt)) + "\n" for row in rows)
    command = [peer, "-W", "ignore", str(HERE / "theirs.py")]
    done = subprocess.run(command, input=shown, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"cascadeflow's run failed:\n{done.stderr}")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"id"')]
    return {line["id"]: line["asked"] for line in lines}


def as_shown(row: Row, prompt: str) -> Row:
    """A row of either file for `theirs.py`."""
    if "models" in row:
        answers = [{"answer": one["answer"], "tokens": None, "usage": counted(one["answer"])} for one in row["models"]]
    else:
        names = ("small", "large")
        answers = [
            {**{key: row[name][key] for key in ("answer", "tokens")}, "usage": row["usage"][name]} for name in names
        ]
    text = prompt.format(context=row["context"], question=row["question"])
    return {"id": row["id"], "prompt": text, "small": answers[0], "large": answers[1]}


def counted(answer: str) -> dict[str, int]:
    """A usage that has to be sent though none was recorded: words. No decision looks at it."""
    return {"input": 1, "output": len(answer.split())}
