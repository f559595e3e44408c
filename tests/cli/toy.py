"""The command line on the weights of the fakes: `python -m tests.cli.toy FOLDER ARGUMENTS...`.

`serve` as the only argument serves them and says the engine's process id, until a line comes in or input ends.
"""

from __future__ import annotations

import pickle
import signal
import sys
from pathlib import Path

from automix_cli import app, weights
from automix_cli.engine.engine import embedded
from automix_cli.progress import progress
from automix_cli.weights import registry


def main() -> None:
    """Be `automix`, with one small model in all roles."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process started in the background ignores it
    toy = pickle.loads((Path(sys.argv.pop(1)) / "play.pickle").read_bytes()).weights
    registry.MODELS = weights.MODELS = (toy,)  # type: ignore[assignment]
    weights.DEFAULT_PAIR = weights.TINY_PAIR = ("toy", "toy")
    if sys.argv[1:] == ["serve"]:
        with embedded(["toy"], progress=progress()) as (engine,):
            print(engine.pid, flush=True)
            sys.stdin.readline()
    else:
        app.main()


if __name__ == "__main__":
    main()
