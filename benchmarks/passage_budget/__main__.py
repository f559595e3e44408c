"""Checks of long contexts with and without `passage_budget`: what they read, and how well they tell right from wrong.

    python -m benchmarks.passage_budget tokens outcomes.jsonl [--budget 400] [--json]
    python -m benchmarks.passage_budget ask outcomes.jsonl [--checks FILE] [--small URL#MODEL] [--seconds S]
    python -m benchmarks.passage_budget show [--checks FILE]

`outcomes.jsonl` is any file of outcomes with their texts and gold answers, as `automix collect` writes it. Each
question's own context is put at a random place among the contexts of other questions until the whole is of the size
wanted. `tokens` asks no model. `ask` asks the embedded one, or the given one, for eight verdicts a prompt in one
request, keeps them without texts in FILE, goes on where it stopped, and stops after S seconds. Without FILE it is
`checks.jsonl` beside this module: what the 0.5B model said of 212 SQuAD questions.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from automix_core.outcomes.outcome import read_outcomes
from benchmarks.passage_budget import checks, discrimination, tokens


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokens", "ask", "show"])
    parser.add_argument("outcomes", type=Path, nargs="?")
    parser.add_argument("--budget", type=int, default=400)
    parser.add_argument("--checks", type=Path, default=checks.RESULTS)
    parser.add_argument("--small", metavar="URL#MODEL")
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.what == "show":
        discrimination.show(checks.rows(given.checks))
    elif given.outcomes is None:
        parser.error("a file of outcomes is needed")
    elif given.what == "ask":
        checks.ask(read_outcomes(given.outcomes), given.checks, given.small, given.seconds)
    elif given.json:
        print(json.dumps(tokens.measure(read_outcomes(given.outcomes), given.budget)))
    else:
        tokens.show(tokens.measure(read_outcomes(given.outcomes), given.budget), given.budget)


if __name__ == "__main__":
    main()
