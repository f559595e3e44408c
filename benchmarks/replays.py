"""What each policy would have done with the demo's 100 questions: a ledger that needs no model.

    python -m benchmarks.replays [--fit OUTCOMES] [--asked OUTCOMES] [--policy FILE] [--json]
    python -m benchmarks.replays record FOLDER

Policies are fitted on one file of outcomes and replayed on the other, of questions about other contexts, as `automix
evaluate` replays. The files beside this one were made by `benchmarks.ledgers prepare`, `automix collect` of both sides
and `record`, which leaves out the texts and adds how long the checks took, as the journal has it.

Right answers, cost in thousandths of a dollar, check tokens and seconds are sums over the questions asked. Intervals
hold 95 % of 1,000 resamples of the questions, each policy less another one on the same questions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automix_core import Always, Policy, Threshold, fit, load_policy, read_outcomes
from automix_core.evaluation.intervals import between, resampled_means
from automix_core.evaluation.replay import replay
from automix_core.evidence import TEXTUAL
from automix_core.fitting.fit import Objective
from automix_core.outcomes.columns import Columns
from automix_core.outcomes.outcome import Outcome
from automix_core.policies.share import Share

Array = NDArray[np.float64]
HERE = Path(__file__).parent
COLLECTED, ASKED = HERE / "outcomes-embedded.jsonl", HERE / "asked-embedded.jsonl"
DEFAULT, LARGE = "default: Threshold(0.75), 8 verdicts", "always the large model"
SHARES = (0.3, 0.5, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, default=COLLECTED, help="outcomes to fit on")
    parser.add_argument("--asked", type=Path, default=ASKED, help="outcomes to judge by")
    parser.add_argument("--policy", type=Path, action="append", default=[], help="a saved policy, replayed too")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.set_defaults(do=show)
    record = parser.add_subparsers().add_parser("record", help="write both files anew, without texts")
    record.add_argument("folder", type=Path, help="holds outcomes-collected.jsonl and outcomes-replayed.jsonl")
    record.set_defaults(do=lambda options: write_down(options.folder))
    options = parser.parse_args()
    options.do(options)


def show(options: argparse.Namespace) -> None:
    asked = read_outcomes(options.asked)
    saved = {f"{path.name}": load_policy(path) for path in options.policy}
    found = ledger(read_outcomes(options.fit), asked, seconds_of(options.asked), saved)
    print(json.dumps(found, indent=2) if options.json else table(found))


def ledger(
    fitting: Sequence[Outcome], asked: Sequence[Outcome], seconds: Mapping[str, Array], saved: Mapping[str, Policy]
) -> dict[str, Any]:
    """Every policy's sums on the questions asked, less the large model's and the default's."""
    columns = Columns.of(asked)
    rows = {name: walk(policy, columns, seconds) for name, policy in (policies(fitting) | dict(saved)).items()}
    rows |= {f"Share({share:g}), fixed weights": shared(share, columns, seconds) for share in SHARES}
    found = [
        {"name": name, **{figure: float(values.sum()) for figure, values in row.items()}}
        | {"less_large": less(row, rows[LARGE]), "less_default": less(row, rows[DEFAULT])}
        for name, row in rows.items()
    ]
    return {"fitted_on": len(fitting), "asked": len(asked), "models": list(columns.names), "policies": found}


def budget(columns: Columns) -> Objective:
    """At most seven tenths of what the large model costs on the questions fitted on: what the ledger is to reach."""
    return Objective(max_cost=round(0.7 * float(columns.costs[:, -1].mean()), 5))


def policies(fitting: Sequence[Outcome]) -> dict[str, Policy]:
    """Those that know nothing, then those that are learned: from verdicts, from signals, from both."""
    columns = Columns.of(fitting)
    free = sorted({name for one in fitting for name in one.models[0].signals})
    blind = columns.first(0)
    words = [name for name in free if name in TEXTUAL]
    return {
        "always the small model": Always(0),
        LARGE: Always(1),
        DEFAULT: Threshold(),
        "Threshold(0.5), 8 verdicts": Threshold(0.5),
        "fitted on verdicts": fit(columns, signals=()).policy,
        "fitted on words": fit(blind, signals=words).policy,
        "fitted on words and tokens": fit(blind, signals=free).policy,
        "fitted on verdicts, words and tokens": fit(columns, signals=free).policy,
        "words and tokens, at most 70 % of the cost": fit(blind, signals=free, objective=budget(columns)).policy,
    }


def walk(policy: Policy, columns: Columns, seconds: Mapping[str, Array]) -> dict[str, Array]:
    """What a policy did on each question; a verdict takes its share of the seconds of its draft's checks."""
    done = replay(policy, columns)
    drafts = np.where(done.drafted, columns.costs, 0.0).sum(axis=1)
    used = done.used[:, 0].astype(float)
    answers = np.where(done.drafted, seconds["answers"], 0.0).sum(axis=1)
    checks = seconds["checks"] * used / np.maximum(columns.recorded[:, 0], 1)
    return {
        "right": done.score,
        "usd": done.cost,
        "check_tokens": (done.cost - drafts) * 1e6,  # the small model's, at 1 USD a million
        "verdicts": used,
        "kept": (done.model == 0).astype(float),
        "seconds": answers + checks,
    }


def shared(share: float, columns: Columns, seconds: Mapping[str, Array]) -> dict[str, Array]:
    """A dial that sees the questions one after the other, and learns the traffic's evidence as it goes."""
    dial, rows = Share(share), []
    for place in range(len(columns)):
        which = slice(place, place + 1)
        rows.append(walk(dial.policy(), columns.rows(which), {name: took[which] for name, took in seconds.items()}))
        known = {name: float(values[place, 0]) for name, values in columns.signals.items()}
        dial.observe({name: value for name, value in known.items() if not np.isnan(value)})
    return {figure: np.concatenate([row[figure] for row in rows]) for figure in rows[0]}


def less(row: Mapping[str, Array], other: Mapping[str, Array]) -> dict[str, Any]:
    """The difference in right answers, and the share of the other's cost and check tokens, with intervals."""
    n = len(row["right"])
    figures = ("right", "usd", "check_tokens")
    draws = resampled_means(np.column_stack([one[figure] for one in (row, other) for figure in figures])) * n
    found: dict[str, Any] = {}
    gained = between(float((row["right"] - other["right"]).sum()), draws[:, 0] - draws[:, 3])
    found["right"] = [gained.mean, gained.low, gained.high]
    for place, figure in enumerate(figures[1:], start=1):
        if other[figure].sum() > 0:
            share = between(float(row[figure].sum() / other[figure].sum()), draws[:, place] / draws[:, place + 3])
            found[figure] = [share.mean, share.low, share.high]
    return found


def seconds_of(path: Path) -> dict[str, Array]:
    """Seconds of each answer [question, model] and of each draft's checks [question]; 0 where none were recorded."""
    records = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {
        "answers": np.array([[model.get("seconds", 0.0) for model in one["models"]] for one in records]),
        "checks": np.array([one["models"][0].get("verdict_seconds", 0.0) for one in records]),
    }


def table(found: dict[str, Any]) -> str:
    lines = [
        f"fitted on {found['fitted_on']} questions, replayed on {found['asked']} about other contexts; "
        f"{' and '.join(found['models'])}",
        f"{'':44}{'right':>6}{'mUSD':>9}{'of large':>22}{'right less default':>22}{'check tokens':>14}"
        f"{'of default':>12}{'verdicts':>10}{'kept':>6}{'seconds':>9}",
    ]
    for one in found["policies"]:
        bill, right = one["less_large"]["usd"], one["less_default"]["right"]
        checks = one["less_default"].get("check_tokens", [float("nan")])[0]
        lines.append(
            f"{one['name']:44}{one['right']:6.0f}{1000 * one['usd']:9.1f}{percent(bill):>22}{span(right):>22}"
            f"{one['check_tokens']:14,.0f}{checks:12.0%}{one['verdicts']:10.0f}{one['kept']:6.0f}{one['seconds']:9.0f}"
        )
    return "\n".join(lines)


def percent(share: Sequence[float]) -> str:
    return f"{share[0]:.0%} ({share[1]:.0%} to {share[2]:.0%})"


def span(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:+.0f} ({bounds[1]:+.0f} to {bounds[2]:+.0f})"


def write_down(folder: Path) -> None:
    """Both files, numbers only; the checks' seconds are those of the request that brought these very texts."""
    for name, target in ("collected", COLLECTED), ("replayed", ASKED):
        source = folder / f"outcomes-{name}.jsonl"
        journal = Path(f"{source}.journal").read_text("utf-8").splitlines()
        took = {tuple(one["texts"]): one.get("seconds") for one in map(json.loads, journal)}
        records = [numbers(json.loads(line), took) for line in source.read_text("utf-8").splitlines()]
        target.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


def numbers(record: dict[str, Any], took: Mapping[tuple[str, ...], float | None]) -> dict[str, Any]:
    """An outcome's numbers, to six digits."""
    kept = ("name", "score", "cost", "problem", "verdicts", "verdict_cost", "signals", "seconds")
    models = []
    for model in record["models"]:
        numbers = {name: model[name] for name in kept if name in model}
        if "signals" in numbers:
            numbers["signals"] = {name: round(value, 6) for name, value in model["signals"].items()}
        if (seconds := took.get(tuple(model.get("verdict_texts") or ()))) is not None:
            numbers["verdict_seconds"] = seconds
        models.append(numbers)
    return {name: record[name] for name in ("id", "reference", "prompt")} | {"models": models}


if __name__ == "__main__":
    main()
