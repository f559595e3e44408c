"""From replies drawn to verdicts counted: each reply is read once."""

from __future__ import annotations

import logging

from ..checking.sampling import Sample, Terms
from ..checking.verdict import count, read_verdict
from .effects import Checks
from .price import Price

log = logging.getLogger("automix")


def counted(
    sample: Sample, terms: Terms, *, price: Price | None = None, truncated: bool = False
) -> tuple[list[bool | None], Checks]:
    """The verdict of each reply, and the batch as routing counts it. Raises the first error if no check worked."""
    if sample.errors and not sample.drawn:
        raise sample.errors[0]
    verdicts = [read_verdict(text) for text in sample.texts]
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
