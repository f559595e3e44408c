"""A conversation that several providers' models wrote: another provider's client is handed no thoughts."""

from __future__ import annotations

import pytest
from llama_index.core.llms import ChatMessage

from llamaindex_automix import collect_routes
from tests.loopback import Reply
from tests.providers.cells import DRAFT, QUESTION, refusals, script
from tests.providers.llamaindex.asking import ABOUT, cascade
from tests.providers.llamaindex.clients import CLIENTS, Client
from tests.providers.wire import ProviderServer

AUTHORS = [c for c in CLIENTS if c.thinks or c.name in ("deepseek", "groq", "bedrock", "openrouter")]
"""MistralAI's own client breaks at its models' thoughts."""


@pytest.mark.parametrize("author", AUTHORS, ids=lambda author: author.name)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_thoughts_of_another_provider_stay_out(server: ProviderServer, client: Client, author: Client) -> None:
    server.say(author.model, Reply("Good day.", reasoning="I think that I should greet."))
    earlier = author.over(server).chat([ChatMessage("Hello")]).message
    server.clear()
    script(server, "accept", client.model)
    with collect_routes() as routes:
        answer = cascade(server, client).chat([ChatMessage("Hello"), earlier, ChatMessage(QUESTION)], **ABOUT)
    assert answer.message.content == DRAFT
    assert routes[0].action == "accept"
    if author.provider != client.provider:
        assert not any(request.has_thoughts for request in server.asked())
        assert not server.refused, refusals(server)
