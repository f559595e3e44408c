"""Drawing verdicts in both ways, with a verifier alone and in a cascade."""

from __future__ import annotations

import pytest

from automix_core.routing.route import Route
from langchain_automix import AutoMixChatModel, SelfVerifier, route_of
from tests.langchain.cascades import CONTEXT, QUESTION

CASE = {"context": CONTEXT, "question": QUESTION, "answer": "Verrin."}
K = 5

both = pytest.mark.parametrize("way", ["sync", "async"])


async def verdicts(verifier: SelfVerifier, way: str) -> list[int | None]:
    found = verifier.invoke(CASE) if way == "sync" else await verifier.ainvoke(CASE)
    return list(found["verdicts"])


async def route(model: AutoMixChatModel, way: str) -> Route:
    message = model.invoke(QUESTION) if way == "sync" else await model.ainvoke(QUESTION)
    return route_of(message)
