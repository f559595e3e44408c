"""`automix fit`: outcomes in, a policy out, with what to expect of it."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import replace as alike
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from automix_cli.fit.replacing import Judged, held_out, judge, parted
from automix_cli.options import Repricing, listed
from automix_cli.printing import bounds, naming, not_over, outputs, print_json, say, span
from automix_cli.progress import progress
from automix_cli.recorded import stored
from automix_core.errors import ConfigError
from automix_core.fitting.method import Method
from automix_core.policies import POMDP, Always, Mixture, Skipping, Timed
from automix_core.policies.saving import FittedOn, save_policy
from automix_core.policies.timed import second_worth_of

if TYPE_CHECKING:
    from automix_core.outcomes.columns import Columns

MOST = 1_000_000
"""Outcomes up to which a policy is learned from all of them."""
METHODS = ", ".join(get_args(Method))


def fit(
    outcomes: Annotated[Path, typer.Argument(help="Recorded outcomes, JSON Lines or Parquet.", show_default=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the policy.", show_default=False)],
    method: Annotated[str, typer.Option(help=f"The kind of policy: {METHODS}.")] = "pomdp",
    cost_weight: Annotated[
        float | None, typer.Option(help="Lambda in reward = score - lambda * cost.", show_default=False)
    ] = None,
    worth: Annotated[
        float | None, typer.Option(help="What a score of 1 is worth, in the unit of costs.", show_default=False)
    ] = None,
    max_cost: Annotated[
        float | None, typer.Option(help="The highest mean cost of a question.", show_default=False)
    ] = None,
    min_quality: Annotated[float | None, typer.Option(help="The lowest mean score.", show_default=False)] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(
            help="Certify: the most score lost against the last model, with --confidence.", show_default=False
        ),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(help="How sure the certificate of --max-loss must be; default 0.9.", show_default=False),
    ] = None,
    second_worth: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="What a second of waiting is worth, in the unit of costs (USD).", show_default=False
        ),
    ] = None,
    price: Repricing = None,
    signals: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help='Learn from these signals only; "" for none.',
            show_default=False,
        ),
    ] = None,
    verdicts: Annotated[
        int | None,
        typer.Option(
            min=0, help="Learn from a draft's first N verdicts only; 0: from signals alone.", show_default=False
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Write the policy only if it does no worse than the one at --output."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Learn from recorded outcomes when to keep a draft, and save the rule as a policy.

    Without an objective the cost weight is that at which the first and the last model tie, so that any gain beats
    mixing the two at random. With --replace three tenths of the outcomes, chosen by their ids, are kept from fitting
    to compare the new policy with the running one; which won is said, and the exit code is 0 either way.
    """
    from automix_core.fitting.certificate import certify
    from automix_core.fitting.fit import HEAVIEST, Objective
    from automix_core.fitting.fit import fit as learn

    outputs(output, inputs=[outcomes])
    not_over(output, "policy")
    if worth is not None:
        if cost_weight is not None:
            raise ConfigError("Give --worth or --cost-weight, not both: each is 1 over the other.")
        if not worth >= 1 / HEAVIEST:
            raise ConfigError(f"--worth must be a number above 0, {1 / HEAVIEST:g} or more, not {worth!r}.")
        cost_weight = 1 / worth
    if cost_weight is not None and cost_weight > HEAVIEST:
        raise ConfigError(f"--cost-weight must be a number from 0 to {HEAVIEST:g}, not {cost_weight!r}.")
    if confidence is not None and max_loss is None:
        raise ConfigError("--confidence is how sure a certificate must be: give --max-loss with it, or leave it out.")
    objective = Objective(cost_weight, max_cost, min_quality, second_worth)
    found_in, left = stored(outcomes, progress(as_json), price or (), apart=held_out(replace))
    if max_loss is not None and objective != Objective(second_worth=second_worth):
        raise ConfigError("--max-loss is an objective of its own: leave out the cost weight, budget or target.")
    with naming(outcomes):
        columns = found_in.columns(MOST)
        if signals is not None:
            columns = columns.limited(listed(signals))
        if verdicts is not None:
            columns = columns.first(verdicts)
        whole, apart = columns, None
        if replace:
            columns, apart = parted(columns, found_in.digest)
        if max_loss is None:
            found = learn(columns, method=cast("Method", method), objective=objective)
        else:
            sure = 0.9 if confidence is None else confidence
            found = certify(columns, max_loss, sure, method=cast("Method", method), second_worth=second_worth)
        judged = None if apart is None else judge(found, output, whole, apart, objective, max_loss)
    if judged is None or judged.published:
        save_policy(
            found.policy,
            output,
            models=list(columns.names),
            prompt=found_in.prompt,
            k=found.k or None,
            costs=columns.costs.mean(axis=0).tolist(),
            data=FittedOn(len(columns), date.today().isoformat(), found_in.digest_kept, found.expected.score),
        )
    found = alike(found, notes=(*left, *_sampled(len(found_in)), *found.notes))
    facts = _facts(output, method, found, columns, judged) | {"bottom_line": _bottom_line(found, columns)}
    if as_json:
        print_json(facts)
    else:
        say(_words(facts, found, columns, judged))


def _sampled(n: int) -> list[str]:
    """A note where there are more outcomes than are learned from."""
    if n <= MOST:
        return []
    return [
        f"Of {n:,} outcomes {MOST:,} are learned from, chosen by their ids: a mean score is off by "
        f"{0.98 / MOST**0.5:.4f} at most for that, with 95 % confidence."
    ]


def _facts(output: Path, method: str, found: Any, columns: Columns, judged: Judged | None) -> dict[str, Any]:
    facts = {
        "policy": str(output),
        "method": method,
        "kind": _kind(found.policy),
        "outcomes": len(columns),
        "cost_weight": found.cost_weight,
        "second_worth": second_worth_of(found.policy) or None,
        "expected": asdict(found.expected),
        "held_out": {
            f"less always_{a.name}": {"score": bounds(a.score), "cost": bounds(a.cost), "reward": bounds(a.reward)}
            for a in found.against
        },
        "notes": list(found.notes),
    }
    return facts if judged is None else {**facts, "replace": judged.to_dict()}


def _bottom_line(found: Any, columns: Columns) -> dict[str, Any] | None:
    """The advice on questions held out; None where there were too few to hold any out."""
    from automix_core.evaluation.bottom_line import Compared, bottom_line

    if not found.against:
        return None
    alone = columns.costs.mean(axis=0)[[0, -1]].tolist()
    first, last = (
        Compared(a.name, a.score, a.cost, cost)
        for a, cost in zip((found.against[0], found.against[-1]), alone, strict=True)
    )
    return bottom_line(first, last, len(columns)).to_dict()


def _kind(policy: Any) -> str:
    match policy:
        case Timed():
            return _kind(policy.policy)
        case Always():
            return "a single model"
        case Mixture():
            return f"a mixture of {_kind(policy.first)} and {_kind(policy.second)}"
        case Skipping():
            return f"{_kind(policy.policy)}, with drafts skipped by signals of the query"
        case POMDP():
            return f"a table of {len(policy.nodes)} histories"
    return repr(policy)


def _words(facts: dict[str, Any], found: Any, columns: Columns, judged: Judged | None) -> str:
    expected = found.expected
    advice = facts["bottom_line"]
    lines = [
        "Not shown yet: too few outcomes to hold any out." if advice is None else f"{advice['sentence']} (held out)",
        "",
    ]
    lines += [f"{len(columns)} outcomes of {', '.join(columns.names)}"]
    for name, score, cost in zip(columns.names, columns.scores.mean(axis=0), columns.costs.mean(axis=0), strict=True):
        lines.append(f"  always {name:<28} score {score:.4f}  cost {cost:.4g}")
    lines += [
        "",
        f"method       {facts['method']}, cost weight {found.cost_weight:.6g}",
        f"policy       {facts['kind']}",
        f"expected     score {expected.score:.4f}, cost {expected.cost:.4g}, {expected.verdicts:.2f} verdicts each",
    ]
    if worth := facts["second_worth"]:
        lines.append(f"seconds      {worth:g} each, counted in the costs that are expected and held out")
    if found.against:
        lines += ["", "on questions held out, less each single model (95 % interval)"]
    for a in found.against:
        lines.append(f"  always {a.name:<28} score {span(a.score)}")
        lines.append(f"  {'':<35} cost {span(a.cost, '.3g')}")
        lines.append(f"  {'':<35} reward {span(a.reward)}")
    if found.notes:
        lines += ["", *(f"note: {note}" for note in found.notes)]
    if judged is not None:
        lines += ["", *judged.said]
        if not judged.published:
            return "\n".join([*lines, "", f"kept {facts['policy']} as it was"])
    return "\n".join([*lines, "", f"wrote {facts['policy']}"])
