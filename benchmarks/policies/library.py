"""`automix-llm` 1.0.3 in an environment of its own, asked through `theirs.py`."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automix_core.outcomes.columns import Columns
from benchmarks.policies.worlds import Array, K, Prices

VERSION = "1.0.3"


class Library:
    """The peer's Python; made, if none is given, in `folder` with nothing but the library."""

    def __init__(self, python: str | None, folder: Path) -> None:
        if python is None:
            target = folder / "automix-llm"
            python = str(target / ("Scripts" if sys.platform == "win32" else "bin") / "python")
            if not Path(python).exists():
                venv.create(target, with_pip=True)
                subprocess.run([python, "-m", "pip", "install", "-q", f"automix-llm=={VERSION}"], check=True)
        self.python = python

    def ask(self, what: str, data: Any) -> Any:
        """Send data sets, get the answer."""
        done = subprocess.run(
            [self.python, "theirs.py", what],
            cwd=Path(__file__).parent,
            input=json.dumps(data),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"automix-llm failed with code {done.returncode}: {done.stderr[-500:]}")
        return json.loads(done.stdout)


def data_set(columns: Columns) -> dict[str, list[float]]:
    """Outcomes as the library reads them; a draft without a readable verdict has confidence 0, as in its notebook."""
    said = columns.tallies[:, 0]
    readable = np.maximum(said[:, 0] + said[:, 1], 1)
    return {
        "confidence": (said[:, 0] / readable).tolist(),
        "small": columns.scores[:, 0].tolist(),
        "large": columns.scores[:, 1].tolist(),
    }


def chosen(decisions: list[list[int]], columns: Columns, prices: Prices) -> NDArray[np.bool_]:
    """The candidate of highest training reward at each price: [price, count]. Kinder than the library's own ratio."""
    routed = np.array(decisions, dtype=bool)
    counts = columns.tallies[:, 0, 0]
    gain = np.bincount(counts, weights=columns.scores[:, 1] - columns.scores[:, 0], minlength=K + 1) / len(columns)
    share = np.bincount(counts, minlength=K + 1) / len(columns)
    reward = (routed @ gain)[None] - np.multiply.outer(prices.cost_weight * prices.ratio, routed @ share)
    best: NDArray[np.bool_] = routed[reward.argmax(axis=1)]
    return best


def kde_routes(gain: Array, prices: Prices) -> NDArray[np.bool_]:
    """Route where the expected gain exceeds the price: [price, count]."""
    routes: NDArray[np.bool_] = gain[None] > (prices.cost_weight * prices.ratio)[:, None]
    return routes
