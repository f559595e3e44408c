"""From replies drawn to verdicts counted: each reply is read once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..checking.sampling import Sample, Terms
from ..checking.token_verdict import WORDS, Place, Words, log_odds, log_odds_of, probability_of
from ..checking.verdict import count, read_verdict
from ..decision import Tally
from ..usage import total
from .effects import Checks, Measured
from .price import Price

log = logging.getLogger("automix")


def counted(
    sample: Sample,
    terms: Terms,
    *,
    price: Price | None = None,
    truncated: bool = False,
    read: Callable[[str], bool | None] = read_verdict,
) -> tuple[list[bool | None], Checks]:
    """The verdict of each reply, and the batch as routing counts it. Raises the first error if no check worked."""
    if sample.errors and not sample.drawn:
        raise sample.errors[0]
    verdicts = [read(text) for text in sample.texts]
    cut = sum(reply.cut and verdict is None for reply, verdict in zip(sample.drawn, verdicts, strict=True))
    if cut:
        log.warning(
            "%d of %d checks by %s were cut off before they gave a verdict; SelfVerifier(max_tokens=...) gives them "
            "more room.",
            *(cut, len(verdicts), terms.model),
        )
    tally = count(verdicts, failed=len(sample.errors))
    return verdicts, Checks(
        tally,
        sample.usage,
        price=price,
        estimated=sample.estimated,
        requests=sample.requests,
        truncated=truncated,
        errors=sample.errors,
        cut=cut,
    )


def weighed(
    sample: Sample,
    tokens: Iterable[Place],
    *,
    price: Price | None = None,
    truncated: bool = False,
    words: Words = WORDS,
) -> Checks:
    """A check in one word as routing counts it: its probability from the reply's tokens.

    The tally is empty where no tokens were reported. Raises the check's error if it broke.
    """
    if sample.errors and not sample.drawn:
        raise sample.errors[0]
    reported = tuple(tokens)
    odds = log_odds(reported, words)
    tally = Tally(unreadable=1) if odds is None else Tally(probability=probability_of(odds))
    return Checks(
        tally if reported else Tally(), sample.usage, price=price, requests=sample.requests, truncated=truncated
    )


def after(first: Checks | None, later: Checks) -> Checks:
    """What `later` checks found, paid together with a `first` one that told nothing, if there was one."""
    if first is None:
        return later
    return replace(
        later,
        usage=total([first.usage, later.usage]),
        requests=first.requests + later.requests,
        truncated=first.truncated or later.truncated,
    )


def measured_by(found: Checks, by: int | None) -> Measured:
    """A verifier's checks as a paid signal: the log-odds of its confidence, missing where nothing could be read."""
    confidence = found.tally.confidence
    value = None if confidence is None else log_odds_of(confidence)
    return Measured(value, found.usage, by, found.price, found.estimated, found.truncated)
