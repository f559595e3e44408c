"""`automix pays`: would a cascade pay, from prices, lengths and the share of drafts kept."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from automix_cli.pays.estimate import CHECKS, Shape
from automix_cli.printing import print_json
from automix_core.checking.query import Query
from automix_core.checking.turns import turns
from automix_core.errors import ConfigError

_DEFAULT: Any = Shape()


def pays(
    ratio: Annotated[float, typer.Option(help="The large model's price divided by the small one's.")] = _DEFAULT.ratio,
    kept: Annotated[float, typer.Option(help="The share of drafts that are kept, 0 to 1.")] = _DEFAULT.kept,
    context: Annotated[float, typer.Option(help="Tokens of the context.")] = _DEFAULT.context,
    question: Annotated[float, typer.Option(help="Tokens of the question.")] = _DEFAULT.question,
    answer: Annotated[float, typer.Option(help="Tokens of an answer.")] = _DEFAULT.answer,
    verdicts: Annotated[int, typer.Option(help="Verdicts drawn on a draft.")] = _DEFAULT.verdicts,
    reply: Annotated[float, typer.Option(help="Tokens of one verdict with its reason.")] = _DEFAULT.reply,
    checks: Annotated[str, typer.Option(help="How drafts are judged: one, separate, token or none.")] = "one",
    output_ratio: Annotated[float, typer.Option(help="The price of an output token in input tokens.")] = 4,
    cached: Annotated[float, typer.Option(help="The price of a cached input token in input tokens.")] = 1,
    fixed: Annotated[
        float | None, typer.Option(help="Tokens of the checking prompt beside the case; none: our own prompt's.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """What a cascade costs beside the large model alone, before anything is collected."""
    if checks not in CHECKS:
        raise ConfigError(f"--checks must be one of {', '.join(CHECKS)}, not {checks!r}.")
    shape = Shape(
        context=context,
        question=question,
        answer=answer,
        ratio=ratio,
        kept=kept,
        verdicts=verdicts,
        reply=reply,
        checks=checks,
        output_ratio=output_ratio,
        cached=cached,
        fixed=_own_prompt() if fixed is None else fixed,
    )
    if as_json:
        print_json(shape.to_dict())
        return
    for line in _words(shape):
        typer.echo(line)


def _own_prompt() -> float:
    """The tokens of our checking prompt, about: four characters of English make one."""
    return round(sum(len(text) for _, text in turns(Query(""), "")) / 4)


def _words(shape: Shape) -> list[str]:
    share = shape.share
    if share < 1:
        first = f"It pays: the cascade costs {share:.0%} of the large model alone."
    else:
        first = f"It does not pay: the cascade costs {share:.0%} of the large model alone."
    lines = [
        first,
        f"  draft {shape.draft / shape.large:.1%}, checks {shape.checking / shape.large:.1%} "
        f"({CHECKS[shape.checks]}), large answers {1 - shape.kept:.1%}",
    ]
    if shape.least_kept > 1:
        lines.append("At this price ratio no share of kept drafts makes up for the checks.")
    else:
        lines.append(f"It breaks even when {shape.least_kept:.0%} of the drafts are kept.")
    if shape.least_ratio is not None:
        lines.append(f"At {shape.kept:.0%} kept it breaks even at a price ratio of 1 : {shape.least_ratio:.3g}.")
    lines.append("Whether so many can be kept at no loss of quality, only outcomes tell: automix collect, automix fit.")
    return lines
