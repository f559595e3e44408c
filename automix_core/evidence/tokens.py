"""Signals from the draft's token log-probabilities: they cost no request, where a provider gives them.

Over the content tokens l_1..l_n (tokens with a letter or a digit: no punctuation, no end marks):

    logprob_min                    min l_t
    logprob_q10, _q25, _q50        quantiles of l_t, interpolated linearly
    logprob_sum                    sum l_t
    margin_first                   l_1 less the best other token's log-probability at that place

Quantiles rather than the mean, which length decides (Gupta et al., ICLR 2024, arXiv 2404.10136); a hallucination shows
at its first token (RAGTruth), hence the minimum and the first margin.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

_QUANTILES = {"logprob_q10": 0.1, "logprob_q25": 0.25, "logprob_q50": 0.5}

TOKENS: tuple[str, ...] = ("logprob_min", *_QUANTILES, "logprob_sum", "margin_first")
"""The token signals' names."""

FLOOR = -100.0
"""A log-probability of minus infinity, which some servers send as -9999, counts as this."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was sampled, its log-probability (natural), and those of the alternatives that were reported."""

    text: str
    logprob: float
    alternatives: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def token_signals(tokens: Iterable[Token], names: Collection[str] = TOKENS) -> dict[str, float]:
    """The token signals of a draft.

    All are missing where no content token has a log-probability; `margin_first` also where no alternative was reported.

    >>> token_signals([Token("Paris", -0.5, {"Paris": -0.5, "London": -2.5}), Token(".", -3.0)], ["margin_first"])
    {'margin_first': 2.0}
    """
    content = [t for t in tokens if any(map(str.isalnum, t.text)) and not math.isnan(t.logprob)]
    if not content:
        return {}
    logs = sorted(min(max(t.logprob, FLOOR), 0.0) for t in content)
    found = {"logprob_min": logs[0]}
    found |= {name: _quantile(logs, share) for name, share in _QUANTILES.items()}
    found["logprob_sum"] = math.fsum(logs)
    first = content[0]
    others = [log for text, log in first.alternatives.items() if text != first.text and not math.isnan(log)]
    if others:
        found["margin_first"] = max(first.logprob, FLOOR) - max(max(others), FLOOR)
    return {name: value for name, value in found.items() if name in names}


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
