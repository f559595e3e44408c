"""The models of both traces: a provider on this machine, whose small model is wrong and whose large one is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from automix_core import Price
from tests.loopback import OpenAIServer, Reply

PRICES = (Price(0.10, 0.40), Price(2.00, 8.00))
PASSAGES = (
    "The lighthouse of Quillon has 211 steps. It was built by Oda Verrin.",
    "The ferry to Tarn leaves Quillon at seven.",
)
QUESTION = "How many steps does the lighthouse have?"
ANSWER = "It has 211 steps."
SMALL, CHECK, LARGE = 0.2, 0.3, 0.8
"""Seconds until the small model's draft, its check and the large model's answer."""


@contextmanager
def provider(pace: float) -> Iterator[OpenAIServer]:
    """Answers after the seconds above, times `pace`."""
    with OpenAIServer() as server:
        server.say("gpt-5.4", Reply(ANSWER, delay=pace * LARGE))
        server.say("gpt-5.4-nano", Reply("It has 112 steps.", delay=pace * SMALL))
        server.verdicts(Reply("The context says 211.\nVerdict: Incorrect", delay=pace * CHECK))
        yield server
    if server.errors:
        raise RuntimeError(server.errors[0])
