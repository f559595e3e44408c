"""How a host is asked, and what its children are."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from automix_core import Route
from tests.loopback import OpenAIServer

Way = Literal["ask", "aask", "stream", "astream"]
WAYS: tuple[Way, ...] = ("ask", "aask", "stream", "astream")
WAITING = [way if way in ("ask", "astream") else pytest.param(way, marks=pytest.mark.slow) for way in WAYS]
"""The same, for tests that wait for a time to be up: half of them are enough for every day."""

CONTEXT = "Quillon is a harbour town. Its lighthouse has 211 steps and was built by Oda Verrin."
QUESTION = "Who built the lighthouse of Quillon?"
DRAFT = "Oda Verrin built it."
LARGE = "It was built by Oda Verrin, of Quillon."
KEY = "sk-contract-key"
YES, NO, MUMBLE = "It says so.\nVerdict: Correct", "It does not.\nVerdict: Incorrect", "Hard to say, really."

FIELDS = [
    "id",
    "model",
    "model_name",
    "action",
    "reason",
    "policy_version",
    "seconds",
    "confidence",
    "verdicts",
    "steps",
    "signals",
    "evidence",
    "context_source",
    "context_truncated",
    "policy",
    "errors",
    "usage",
    "usage_estimated",
    "cost",
]


@dataclass(frozen=True)
class Piece:
    """One piece of a stream, or the whole answer: its text, and the route if it bears one."""

    text: str
    route: Route | None


@dataclass(frozen=True)
class Answer:
    """What one call gave: the pieces as they came, and the routes that were collected meanwhile."""

    pieces: list[Piece]
    routes: list[Route]

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)

    @property
    def route(self) -> Route:
        """The route of the call; there must be exactly one, on the last piece and collected alike."""
        (collected,) = self.routes
        borne = self.pieces[-1].route
        assert borne is not None
        assert borne.to_dict() == collected.to_dict()
        assert all(piece.route is None for piece in self.pieces[:-1])
        return collected

    @property
    def told(self) -> list[str]:
        """The texts of the pieces that have any."""
        return [piece.text for piece in self.pieces if piece.text]


class Adapter(ABC):
    """How a host builds a cascade and asks it."""

    server_error: str
    """What the host's client calls a status of 500."""

    @abstractmethod
    def child(self, server: OpenAIServer, name: str, **settings: Any) -> Any:
        """A chat model over `server`, without retries, that reports the usage of streams too."""

    @abstractmethod
    def single(self, server: OpenAIServer, name: str, **settings: Any) -> Any:
        """A child that gives one choice a request."""

    @abstractmethod
    def disguised(self, server: OpenAIServer, name: str, disguise: Callable[[Exception], Exception]) -> Any:
        """A child whose client raises another error in the place of the server's refusals."""

    @abstractmethod
    def shaped(self, server: OpenAIServer, name: str) -> Any:
        """A child whose answers are shaped: a seed, stop words, a response format, tools."""

    @abstractmethod
    def cascade(self, models: list[Any], **settings: Any) -> Any:
        """The adapter's model."""

    @abstractmethod
    def from_config(self, path: Path, **settings: Any) -> Any:
        """The adapter's model, as a file describes it."""

    @abstractmethod
    def verifier(self, **settings: Any) -> Any:
        """The adapter's `SelfVerifier`."""

    @abstractmethod
    def token_verifier(self, **settings: Any) -> Any:
        """The adapter's `TokenVerifier`."""

    @abstractmethod
    def evaluator(self, server: OpenAIServer, name: str) -> tuple[Any, str]:
        """An evaluator of the host's that compares with a reference, and what its model says of a right answer."""

    @abstractmethod
    def check(self, verifier: Any, case: Any) -> Any:
        """What a verifier used alone says of `case`."""

    @abstractmethod
    async def acheck(self, verifier: Any, case: Any) -> Any:
        """`check`, awaited."""

    @abstractmethod
    def collect(self) -> Any:
        """The adapter's `collect_routes()`."""

    @abstractmethod
    def watched(self) -> AbstractContextManager[Any]:
        """Within, calls are traced by the host's own means."""

    @abstractmethod
    def ask(self, model: Any, question: str, **keywords: Any) -> Piece:
        """One blocking call."""

    @abstractmethod
    async def aask(self, model: Any, question: str, **keywords: Any) -> Piece:
        """One awaited call."""

    @abstractmethod
    def stream(self, model: Any, question: str, **keywords: Any) -> Generator[Piece, None, None]:
        """One streaming call."""

    @abstractmethod
    def astream(self, model: Any, question: str, **keywords: Any) -> AsyncGenerator[Piece, None]:
        """One streaming call, awaited."""

    def small_and_large(self, server: OpenAIServer, **settings: Any) -> Any:
        """A cascade of two, with four verdicts a draft unless told otherwise."""
        settings.setdefault("verifier", self.verifier(k=4))
        return self.cascade([self.child(server, "small"), self.child(server, "large")], **settings)

    def get(self, model: Any, way: Way, question: str = QUESTION, **keywords: Any) -> Answer:
        """Ask `model` in one of the four ways; `CONTEXT` is the context unless another is given."""
        keywords.setdefault("automix_context", CONTEXT)
        with self.collect() as routes:
            if way == "ask":
                pieces = [self.ask(model, question, **keywords)]
            elif way == "aask":
                pieces = [asyncio.run(self.aask(model, question, **keywords))]
            elif way == "stream":
                pieces = list(self.stream(model, question, **keywords))
            else:
                pieces = asyncio.run(listed(self.astream(model, question, **keywords)))
        return Answer(pieces, routes)


async def listed(pieces: AsyncGenerator[Piece, None]) -> list[Piece]:
    return [piece async for piece in pieces]


def script(server: OpenAIServer, *verdicts: str) -> None:
    """The models speak their lines; checks say `verdicts` in turn."""
    server.say("small", DRAFT)
    server.say("large", LARGE)
    if verdicts:
        server.verdicts(*verdicts)


def drawn(correct: int = 0, incorrect: int = 0, unreadable: int = 0, failed: int = 0) -> dict[str, int]:
    return {"correct": correct, "incorrect": incorrect, "unreadable": unreadable, "failed": failed}


def billed(server: OpenAIServer, select: Callable[[Any], bool]) -> dict[str, int]:
    """What the server billed for some of its answers, as a route writes it."""
    bills = [bill for bill in server.billed if select(bill)]
    read, written = sum(bill.input_tokens for bill in bills), sum(bill.output_tokens for bill in bills)
    return {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}


async def eventually(condition: Callable[[], object], patience: float = 5.0) -> None:
    """Wait until `condition` holds; fail the test if it does not come true."""
    for _ in range(int(patience / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("what was waited for did not happen")
