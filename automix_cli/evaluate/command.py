"""`automix evaluate`: what a saved policy does on recorded outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automix_cli.options import Repricing
from automix_cli.printing import amount, bounds, naming, number, outputs, print_json, say, span, write
from automix_cli.progress import progress
from automix_cli.recorded import stored
from automix_core.errors import ConfigError, PolicyError
from automix_core.policies.saving import PolicyFile, load_policy_file
from automix_core.policies.timed import second_worth_of

if TYPE_CHECKING:
    from automix_cli.evaluate.judged import Judged
    from automix_core.evaluation.bottom_line import BottomLine
    from automix_core.evaluation.discrimination import Discrimination


def evaluate(
    policy: Annotated[Path, typer.Argument(help="A saved policy.", show_default=False)],
    outcomes: Annotated[Path, typer.Argument(help="Recorded outcomes, JSON Lines or Parquet.", show_default=False)],
    price: Repricing = None,
    margin: Annotated[float, typer.Option(help="The loss of mean score that counts as none.")] = 0.02,
    second_worth: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            help="What a second is worth in the costs; by default what it was when the policy was fitted.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    decisions: Annotated[
        Path | None, typer.Option(help="Write what was done on each question, JSON Lines.", show_default=False)
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the answer as an HTML page to show to others.", show_default=False)
    ] = None,
) -> None:
    """Replay recorded outcomes through the policy: performance, cost, and what single models would have done."""
    from automix_cli.evaluate.judged import InParts, lines_of, whole
    from automix_core.evaluation.lexical import lexical
    from automix_core.evaluation.replay import replay
    from automix_core.fitting.fit import Objective
    from automix_core.outcomes.stored import IN_MEMORY, PART
    from automix_core.outcomes.timing import timed

    if not 0 <= margin <= 1:
        raise ConfigError(f"--margin must be a loss of score from 0 to 1, not {margin!r}; 0.02 is usual.")
    outputs(decisions, report, inputs=[policy, outcomes])
    if report is not None:
        from automix_cli.evaluate.report.page import needs_plotly

        needs_plotly()
    file = load_policy_file(policy)
    shown = progress(as_json)
    found, left = stored(outcomes, shown, price or (), beside=lexical)
    worth = Objective(second_worth=second_worth).second_worth
    worth = second_worth_of(file.policy) if worth is None else worth
    said = [*left, *matching(file, found.names, policy)]
    in_sample = file.data is not None and file.data.sha256 == found.digest
    with naming(outcomes):
        replayed = None
        if len(found) <= IN_MEMORY:
            columns = timed(found.columns(), worth)
            replayed = columns, replay(file.policy, columns, file.k)
            judged = whole(file.policy, *replayed)
            if decisions is not None:
                write(decisions, lines_of(*replayed))
        else:
            with shown.waiting(f"replaying {len(found):,} outcomes, {PART:,} at a time"):
                sheet = InParts(found, worth).sheet(file.policy, file.k)
                if decisions is None:
                    sheet.fill()
                else:
                    write(decisions, sheet.decisions())
                judged = sheet.judged()
    facts = _facts(judged)
    facts["in_sample"] = in_sample
    facts["bottom_line"] = _bottom_line(found.names, facts, margin).to_dict()
    facts["currency"] = "USD" if price else None
    facts["second_worth"] = worth or None
    facts["warnings"] = [*said, *facts["warnings"]]
    if report is not None:
        from automix_cli.evaluate.report.page import page
        from automix_cli.evaluate.report.subject import Subject, drawn

        with naming(outcomes):
            columns, done = replayed or drawn(found, worth, file)
        subject = Subject(facts, file, columns, done, outcomes, (policy.name, outcomes.name), price or ())
        write(report, page(subject))
    if as_json:
        print_json(facts)
    else:
        say(_words(facts, repr(file.policy)))


def matching(file: PolicyFile, names: Sequence[str], path: Path) -> list[str]:
    """Warnings where the names differ. Raises `PolicyError` for another number of models."""
    if file.models is None:
        return []
    if len(file.models) != len(names):
        raise PolicyError(
            f"{path} was made for {len(file.models)} models ({', '.join(file.models)}), "
            f"the outcomes are of {len(names)} ({', '.join(names)}): give outcomes of those models, or fit on these."
        )
    if file.models != tuple(names):
        return [
            f"The policy was made for {', '.join(file.models)}, the outcomes are of {', '.join(names)}; "
            "models match by place."
        ]
    return []


def _facts(judged: Judged) -> dict[str, Any]:
    from automix_core.fitting.frontier import hull

    words = {d.model: _told(d) for d in judged.beside}
    return {
        **judged.figures.to_dict(),
        "intervals": {name: bounds(found) for name, found in judged.intervals.items()},
        "regions": [asdict(region) for region in judged.regions],
        "curve": [asdict(spot) for spot in judged.spots],
        "hull": [asdict(spot) for spot in hull(judged.spots)],
        "reliability": [asdict(found) | {"lexical": words.get(found.model)} for found in judged.reliability],
        "discrimination": [
            {"model": d.model, "name": d.name, "n": d.n, "auroc": _told(d)} for d in judged.discrimination
        ],
        "warnings": judged.warnings,
    }


def _bottom_line(models: Sequence[str], facts: dict[str, Any], margin: float) -> BottomLine:
    from automix_core.evaluation.bottom_line import Compared, bottom_line
    from automix_core.evaluation.evaluate import baseline_names
    from automix_core.evaluation.intervals import Interval

    names, less = baseline_names(models), facts["intervals"]

    def compared(model: int) -> Compared:
        name = names[model]
        score, cost = (Interval(**less[f"{figure} less {name}"]) for figure in ("performance", "cost"))
        return Compared(models[model], score, cost, facts["baselines"][name]["cost"])

    return bottom_line(compared(0), compared(-1), facts["n"], margin=margin, in_sample=facts["in_sample"])


def _plainly(facts: dict[str, Any]) -> list[str]:
    """The bottom line, the money of 1,000 questions, and what the policy does, before any figure that needs a name."""
    unit = facts["currency"] or "in the unit of the outcomes' costs"
    bills = {"this policy": facts["cost"], **{name: one["cost"] for name, one in facts["baselines"].items()}}
    listed = ", ".join(f"{name.replace('always_', 'always ', 1)} {amount(1000 * cost)}" for name, cost in bills.items())
    return [
        facts["bottom_line"]["sentence"],
        f"Cost of 1,000 questions ({unit}): {listed}.",
        f"The first model answers {1 - facts['route_share']:.0%} of them; "
        f"{facts['verdicts_per_query']:.1f} checks of drafts a question.",
    ]


def _told(found: Discrimination) -> dict[str, float] | None:
    return None if found.auroc is None else asdict(found.auroc)


def _words(facts: dict[str, Any], policy: str) -> str:
    from automix_core.evaluation.intervals import Interval

    def between(name: str, form: str = ".4f") -> str:
        found = facts["intervals"].get(name)
        return "" if found is None else f"  (95 %: {found['low']:{form}} to {found['high']:{form}})"

    lines = [*_plainly(facts), "", f"{policy} on {facts['n']} outcomes" + (", in sample" if facts["in_sample"] else "")]
    if facts["second_worth"]:
        lines.append(f"each second counts {facts['second_worth']:g} in the costs")
    lines += [
        "",
        f"performance         {facts['performance']:.4f}{between('performance')}",
        f"cost                {facts['cost']:.4g}{between('cost', '.3g')}",
        f"ibc                 {number(facts['ibc'], 6)}",
        f"delta ibc, %        {number(facts['delta_ibc'], 1)}{between('delta_ibc', '.1f')}",
        f"gap recovered       {number(facts['gap_recovered'], 3)}{between('gap_recovered', '.3f')}",
        f"route share         {facts['route_share']:.3f}",
        f"verdicts a question {facts['verdicts_per_query']:.2f}",
        f"exhausted           {facts['exhausted']}",
        "",
    ]
    for name, single in facts["baselines"].items():
        lines.append(f"{name:<32} performance {single['performance']:.4f}  cost {single['cost']:.4g}")
        for figure in ("performance", "cost"):
            found = facts["intervals"][f"{figure} less {name}"]
            less = None if found is None else Interval(found["mean"], found["low"], found["high"])
            lines.append(
                f"  {'policy less it, ' + figure:<30} {span(less, '.4f' if figure == 'performance' else '.3g')}"
            )
    if facts["regions"]:
        shares = ", ".join(number(region["delta_ibc"], 1) for region in facts["regions"])
        lines += ["", f"delta ibc of the curve by five cost regions, %: {shares}"]
    for checked in facts["reliability"]:
        lines += [
            "",
            f"checks of {checked['model']}: auroc {number(checked['auroc'], 3)}, "
            f"calibration error {checked['error']:.3f}, {checked['unreadable']:.1%} unreadable",
        ]
        if checked["lexical"] is not None:
            lines.append(f"  words alone, on the same drafts: auroc {_auroc(checked['lexical'])}")
        for b in checked["bins"]:
            lines.append(f"  confidence {b['confidence']:.2f}  mean score {b['score']:.3f}  ({b['n']} drafts)")
    for model in dict.fromkeys(d["model"] for d in facts["discrimination"]):
        lines += ["", f"what tells right drafts of {model} from wrong ones (auroc, 0.5 is nothing)"]
        for d in facts["discrimination"]:
            if d["model"] == model:
                lines.append(f"  {d['name']:<20} {_auroc(d['auroc'])}  ({d['n']} drafts)")
    if facts["warnings"]:
        lines += ["", *(f"warning: {warning}" for warning in facts["warnings"])]
    return "\n".join(lines)


def _auroc(found: dict[str, float] | None) -> str:
    return "-" if found is None else f"{found['mean']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
