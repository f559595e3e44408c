"""What a question takes with each client of the provider matrix: requests, prompt tokens, and checks that are refused.

    $PROVIDERS_HOME/langchain/bin/python -m benchmarks.by_client [--words 250] [--markdown]
    $PROVIDERS_HOME/llamaindex/bin/python -m benchmarks.by_client
    $PROVIDERS_HOME/llamaindex-openrouter/bin/python -m benchmarks.by_client

Run in an environment that `scripts/providers` makes; it measures the framework that is there, with the real client
packages over servers on this computer that speak each provider's wire format and keep the bill. The README's chain or
query engine with the client as small model, the default verifier (k = 8) and policy, and a context of 250 words.
Asked twice: once with verdicts that keep the draft, once with verdicts that reject it. Requests and prompt tokens
(words here) are those of the small model; the large one's single request comes on top where the draft is rejected.
Then every check is answered 429, 503 and 400: counted are the requests for checks of one question. Models that think
are left out: they are asked like the others of their client.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from tests.loopback import Reply, Request
from tests.providers.wire import ProviderServer

QUESTION = "Who said so?"
ANSWER = "The keeper of the northern light said so in the year of the second flood, and the council wrote it down."
REASON = "Reason: The context says that this was written down by the council, which is what the answer says too."
STATUSES = (429, 503, 400)

Ask = Callable[[list[Any], str], Any]


def langchain(models: list[Any], context: str) -> Any:
    """One question to the README's chain."""
    from langchain_core.prompts import ChatPromptTemplate

    from langchain_automix import AutoMixChatModel

    prompt = ChatPromptTemplate.from_template("Answer from this context.\n\n{context}\n\nQuestion: {question}")
    return (prompt | AutoMixChatModel(models=models)).invoke({"context": context, "question": QUESTION})


def llamaindex(models: list[Any], context: str) -> Any:
    """One question to the README's query engine."""
    from llama_index.core import Document, SummaryIndex

    from llamaindex_automix import AutoMixLLM

    engine = SummaryIndex.from_documents([Document(text=context)]).as_query_engine(llm=AutoMixLLM(models=models))
    return engine.query(QUESTION)


def here() -> tuple[Ask, list[Any], Any]:
    """How to ask, the clients of this environment, and the one that is the large model."""
    if find_spec("langchain_anthropic"):
        from tests.providers.langchain.asking import OPENAI
        from tests.providers.langchain.clients import CLIENTS

        return langchain, [client for client in CLIENTS if not client.thinks], OPENAI
    from tests.providers.llamaindex.asking import LARGE
    from tests.providers.llamaindex.clients import CLIENTS as ALSO

    return llamaindex, [client for client in ALSO if not client.thinks], LARGE


def spent(ask: Ask, client: Any, large: Any, context: str, verdict: str) -> tuple[int, int]:
    """The requests and prompt tokens that one question takes of the small model."""
    with ProviderServer() as server:
        server.say(None, ANSWER)
        server.verdicts(f"{REASON}\nVerdict: {verdict}")
        ask([client.over(server), large.over(server, "large-1")], context)
        bills = [bill for bill in server.billed if bill.model == client.model]
        return len(bills), sum(bill.input_tokens for bill in bills)


def refused(ask: Ask, client: Any, large: Any, context: str, status: int) -> int:
    """The requests for checks of one question, all of which are answered `status`."""

    def checks(request: Request) -> bool:
        return request.asks_for_verdict

    with ProviderServer() as server:
        server.say(None, ANSWER)
        fault = Reply(status=status, error="no more of this", headers={"retry-after-ms": "1"})
        server.fail(client.model, fault, when=checks)
        ask([client.over(server, **client.retries), large.over(server, "large-1")], context)
        return len(server.calls(client.model, verdict=True))


def rows(words: int) -> Iterator[tuple[str, list[int]]]:
    """Each client's figures: requests and prompt tokens kept and rejected, then checks by status."""
    ask, clients, large = here()
    told = " ".join(f"In the year {year} the council wrote down what the keeper said." for year in range(words))
    context = " ".join(told.split()[:words])
    for client in clients:
        kept, rejected = (spent(ask, client, large, context, verdict) for verdict in ("Correct", "Incorrect"))
        yield client.name, [*kept, *rejected, *(refused(ask, client, large, context, status) for status in STATUSES)]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--words", type=int, default=250)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    logging.getLogger("automix").setLevel(logging.ERROR)
    heads = ("client", "kept: requests", "prompt tokens", "rejected: requests", "prompt tokens", *map(str, STATUSES))
    if options.markdown:
        print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for name, figures in rows(options.words):
        cells = [name, *(f"{figure:,}" for figure in figures)]
        print(f"| {' | '.join(cells)} |" if options.markdown else "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
