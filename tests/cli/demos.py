"""What the demo's tests share: a scripted provider over real HTTP, a session with it, and its questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import Runnable

from automix_cli.demo import in_langchain
from automix_cli.demo.corpus import Question, handbook, questions
from automix_cli.demo.events import Asked, Event
from automix_cli.demo.retrieval import Retriever
from automix_cli.demo.session import Answered, Session
from automix_core.decision import Policy
from automix_core.endpoint.endpoint import Endpoint
from automix_core.policies import Threshold
from langchain_automix.child.endpoint import chat_model
from tests.loopback import OpenAIServer

NAMES = ["small", "large"]
GOOD, BAD = "The passage says so.\nVerdict: Correct", "It is another one.\nVerdict: Incorrect"
SUPPER = questions()[0]
RETRIEVER = Retriever(handbook())


@contextmanager
def provider() -> Iterator[OpenAIServer]:
    """A provider whose small model drafts well and whose large model answers; it must meet no error of its own."""
    with OpenAIServer() as running:
        running.say("small", "At 18:45.")
        running.say("large", "Supper is served at 18:45.")
        running.verdicts(GOOD)
        yield running
    assert not running.errors, running.errors[0]


def models(server: OpenAIServer) -> list[Runnable[Any, Any]]:
    """Both models as LangChain's."""
    return [chat_model(Endpoint(server.url, name, "none"), max_retries=0) for name in NAMES]


def asked(server: OpenAIServer, events: list[Event] | None = None) -> Asked:
    """The first question, through the cascade only."""
    show = (lambda event: None) if events is None else events.append
    small, large = models(server)
    return in_langchain.ask(in_langchain.cascade(small, large), RETRIEVER, SUPPER, show)


def session(server: OpenAIServer, policy: Policy | None = None) -> Session:
    """A session of the demo with both models."""
    both = models(server)
    return Session(in_langchain, NAMES, both, both, RETRIEVER, policy or Threshold())


def answered(server: OpenAIServer, question: Question = SUPPER, policy: Policy | None = None) -> Answered:
    """A question asked in every way."""
    return session(server, policy).ask(question, lambda event: None, lambda model: None)
