"""What importing `langchain_automix` costs over what any chat model needs.

    python benchmarks/imports.py [--runs N] [--json]

The baseline process imports BaseChatModel, the prompt templates and the callback manager. Processes of both kinds take
turns; the ratio is that of the medians. Bytecode is kept, as pip leaves it, in a folder of the benchmark's own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
BASELINE = (
    "from langchain_core.language_models import BaseChatModel\n"
    "from langchain_core.prompts import ChatPromptTemplate, FewShotChatMessagePromptTemplate\n"
    "from langchain_core.callbacks.manager import CallbackManager"
)
OURS = "from langchain_automix import AutoMixChatModel, SelfVerifier"
TIMER = "import time; start = time.perf_counter()\n{code}\nprint(time.perf_counter() - start)"


def seconds(code: str, bytecode: str) -> float:
    """How long `code` takes in a fresh interpreter, without the interpreter's own start."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", TIMER.format(code=code)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as bytecode:
        seconds(BASELINE, bytecode), seconds(OURS, bytecode)
        turns = [(seconds(BASELINE, bytecode), seconds(OURS, bytecode)) for _ in range(asked.runs)]
    baseline, ours = median(turn[0] for turn in turns), median(turn[1] for turn in turns)
    found = {
        "baseline_s": round(baseline, 3),
        "langchain_automix_s": round(ours, 3),
        "ratio": round(ours / baseline, 3),
    }
    print(json.dumps(found) if asked.json else "  ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
