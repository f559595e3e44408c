"""`automix watch`: has the traffic drifted from what a policy was fitted on?"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_cli.evaluate.command import matching
from automix_cli.printing import print_json
from automix_cli.progress import progress
from automix_cli.recorded import stored
from automix_core.policies.saving import load_policy_file

if TYPE_CHECKING:
    from automix_core.outcomes.columns import Columns


def watch(
    outcomes: Annotated[Path, typer.Argument(help="Outcomes in the order of the traffic, JSON Lines or Parquet.")],
    policy: Annotated[Path, typer.Option(help="The saved policy that is running.", show_default=False)],
    alpha: Annotated[float, typer.Option(help="The chance of an alarm although nothing changed.")] = 0.05,
    expected: Annotated[
        float | None,
        typer.Option(help="The mean score to hold the traffic to; none: what the policy reached when it was fitted."),
    ] = None,
    margin: Annotated[float, typer.Option(help="How far the mean score may fall short of that.")] = 0.02,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Has the traffic drifted? Looks at the checks' confidence without labels, and at scores against what was expected.

    Exit code 0 whether or not an alarm rings; --json says which.
    """
    from automix_core.drift.monitor import DriftMonitor
    from automix_core.evaluation.replay import Terms, replay
    from automix_core.outcomes.stored import IN_MEMORY

    file, shown = load_policy_file(policy), progress(as_json)
    found, left = stored(outcomes, shown)
    said = [*left, *matching(file, found.names, policy)]
    if expected is None and file.data is not None:
        expected = file.data.performance
    monitor = DriftMonitor(alpha, expected=expected, margin=margin, seed=0)
    total = 0.0
    with shown.waiting(f"watching {len(found):,} outcomes") if len(found) > IN_MEMORY else nullcontext():
        terms = Terms.over(found)
        for part in found:
            scores = replay(file.policy, part, file.k, terms).score
            total += float(scores.sum())
            for confidence, score in zip(_confidences(part), scores.tolist(), strict=True):
                monitor.observe(confidence)
                monitor.observe_score(score)
    facts: dict[str, Any] = {
        "outcomes": len(found),
        "policy": repr(file.policy),
        "performance": total / len(found),
        "expected": expected,
        "alpha": alpha,
        "wealth": monitor.wealth,
        "rings_at": 2 / alpha,
        "alarms": [asdict(alarm) | {"reason": str(alarm)} for alarm in monitor.alarms],
        "warnings": said,
    }
    if as_json:
        print_json(facts)
    else:
        typer.echo("\n".join(_words(facts)))


def _confidences(columns: Columns) -> list[float | None]:
    """The first model's confidence on each row: its direct one, or that of its recorded verdicts."""
    found: list[float | None] = []
    for direct, (correct, incorrect, _) in zip(columns.probability[:, 0], columns.tallies[:, 0], strict=True):
        readable = int(correct + incorrect)
        confidence = float(correct) / readable if readable else None
        found.append(float(direct) if direct == direct else confidence)
    return found


def _words(facts: dict[str, Any]) -> list[str]:
    lines = [f"warning: {warning}" for warning in facts["warnings"]]
    if facts["alarms"]:
        lines += ["Drift: fit the policy again on recent outcomes.", *(f"  {a['reason']}" for a in facts["alarms"])]
    else:
        lines.append(f"No drift seen in {facts['outcomes']} outcomes.")
    if facts["expected"] is None:
        lines.append("Scores were not watched: the file does not say what the policy reached; give --expected.")
    else:
        lines.append(f"Mean score {facts['performance']:.4f}; expected {facts['expected']:.4f}.")
    wealth = ", ".join(f"{name} {value:.3g}" for name, value in facts["wealth"].items())
    return [*lines, f"Evidence of a change (an alarm rings at {facts['rings_at']:g}): {wealth}."]
