"""A conversation that several providers' models wrote: thoughts go back only to the provider that wrote them."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage

from langchain_automix import route_of
from tests.loopback import Reply
from tests.providers.cells import CONTEXT, DRAFT, QUESTION, refusals, script
from tests.providers.langchain.asking import cascade
from tests.providers.langchain.clients import CLIENTS, Client
from tests.providers.wire import ProviderServer

AUTHORS = [client for client in CLIENTS if client.thinks or client.name in ("mistral", "deepseek", "groq", "bedrock")]


@pytest.mark.parametrize("author", AUTHORS, ids=lambda author: author.name)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_thoughts_of_another_provider_stay_out(server: ProviderServer, client: Client, author: Client) -> None:
    server.say(author.model, Reply("Good day.", reasoning="I think that I should greet."))
    earlier = author.over(server).invoke("Hello")
    server.clear()
    script(server, "accept", client.model)
    messages = [HumanMessage("Hello"), earlier, HumanMessage(QUESTION)]
    answer = cascade(server, client).invoke(messages, automix_context=CONTEXT)
    assert answer.text == DRAFT
    assert route_of(answer).action == "accept"
    if author.provider != client.provider:
        assert not any(request.has_thoughts for request in server.asked())
        refused = [line for line in refusals(server) if "n value" not in line and "candidates" not in line]
        assert not refused
