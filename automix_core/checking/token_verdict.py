"""A check in one word, whose probability is read from the token's log-probabilities.

    v = P("Correct") / (P("Correct") + P("Incorrect"))

each summed over the word's spellings among the reported alternatives (casings, leading spaces, a beginning of the word,
as some tokenizers split it), in log-odds, clipped to +-6. One token in the place of eight sampled replies (Kadavath et
al. 2022, arXiv 2207.05221, P(True)); small models don't know themselves so, from about 3B on they do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from .prompt import CASE as SAMPLED_CASE
from .prompt import INSTRUCTIONS as SAMPLED
from .prompt import SHOTS as SAMPLED_SHOTS
from .prompt import Shot
from .sampling import Terms

INSTRUCTIONS = (
    SAMPLED.rpartition("\n")[0] + '\nReply with exactly one word: "Correct" if the answer is correct, else "Incorrect".'
)
CASE = SAMPLED_CASE.rpartition("\n")[0] + "\nCheck the answer. Reply with one word: Correct or Incorrect."
"""`automix_core.checking.prompt.CASE`, asking for one word."""
SHOTS: tuple[Shot, ...] = tuple(replace(shot, check=shot.check.rpartition(" ")[2]) for shot in SAMPLED_SHOTS)
"""The worked examples, each checked in one word."""

ALTERNATIVES = 20
"""How many alternatives are asked for at each place: the most that OpenAI's API gives."""
REPLY_TOKENS = 8
"""Room for the word, in tokens, and for a line break before it."""
CLIP = 6.0
"""Log-odds beyond this are taken as this: a probability of 0.9975."""
LEAST_MASS = 0.01
"""With less probability on both words together the model did not answer the question."""
WORDS = {"correct": 3, "incorrect": 2}
"""The words, and from how many letters on a beginning of one stands for it."""


class Place(Protocol):
    """A token of a reply and its alternatives; `automix_core.evidence.tokens.Token` is one."""

    @property
    def text(self) -> str:
        """The token that was drawn."""
        ...

    @property
    def logprob(self) -> float:
        """Its log-probability."""
        ...

    @property
    def alternatives(self) -> Mapping[str, float]:
        """Those reported at its place."""
        ...


def terms_of(terms: Terms) -> Terms:
    """How a model is asked for the one word, given how it is asked for sampled checks.

    At temperature 1: some servers report the probabilities that they sampled from.
    """
    return replace(
        terms,
        temperature=None if terms.temperature is None else 1.0,
        max_tokens=REPLY_TOKENS,
        logprobs=ALTERNATIVES,
    )


def log_odds(places: Iterable[Place]) -> float | None:
    """Of the first token that says something, the log-odds of "Correct", clipped; None if it is unreadable.

    A word that was not reported is less likely than all that were, and than what they leave.

    >>> from automix_core.evidence.tokens import Token
    >>> log_odds([Token("Correct", -0.1, {"Correct": -0.1, " correct": -3.0, "Incorrect": -3.0})])
    2.9535...
    >>> log_odds([Token("Perhaps", -0.1, {"Perhaps": -0.1})])
    """
    place = next((place for place in places if any(map(str.isalnum, place.text))), None)
    if place is None:
        return None
    table = {place.text: place.logprob, **place.alternatives}
    shares = {text: math.exp(min(log, 0.0)) for text, log in table.items() if not math.isnan(log)}
    mass = dict.fromkeys(WORDS, 0.0)
    for text, share in shares.items():
        if word := _word(text):
            mass[word] += share
    if sum(mass.values()) < LEAST_MASS:
        return None
    unseen = max(min(min(shares.values()), 1.0 - sum(shares.values())), 1e-9)
    yes, no = (math.log(mass[word] or unseen) for word in WORDS)
    return clipped(yes - no)


def clipped(odds: float) -> float:
    """Log-odds within +-6."""
    return min(max(odds, -CLIP), CLIP)


def probability_of(odds: float) -> float:
    """Log-odds as a probability."""
    return 1.0 / (1.0 + math.exp(-odds))


def log_odds_of(probability: float) -> float:
    """A probability as log-odds, clipped; 0 and 1 are the ends."""
    if not 0.0 < probability < 1.0:
        return CLIP if probability >= 1.0 else -CLIP
    return clipped(math.log(probability) - math.log1p(-probability))


def read_word(text: str) -> bool | None:
    """The verdict of a bare word; None for anything else."""
    word = _word(text)
    return None if word is None else word == "correct"


def no_logprobs(model: str) -> str:
    """What is said once of a model that gives no log-probabilities."""
    return (
        f"{model} gives no log-probabilities, which TokenVerifier reads; it samples checks like SelfVerifier from now "
        "on. A model that gives them checks in one token: TokenVerifier(model=...)."
    )


def _word(text: str) -> str | None:
    letters = text.strip(" \t\r\n\"'`*_.:,!▁Ġ").casefold()
    return next((word for word, least in WORDS.items() if len(letters) >= least and word.startswith(letters)), None)


def one_word(shots: Sequence[Shot]) -> bool:
    """Whether each example is checked in one word that can be read."""
    return all(read_word(shot.check) is not None for shot in shots)
