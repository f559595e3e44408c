"""The steps of AutoMix written by hand: draft, k checks with gather, a comparison, the large model.

`ByHand` is what stands in a query engine in the place of `AutoMixLLM`; `alone` asks it without a query engine, after a
retrieval. Nothing is recorded, nothing can fail, and no other prompt than a question with its context is understood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llama_index.core import SummaryIndex
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.prompts.chat_prompts import CHAT_TEXT_QA_PROMPT
from llama_index.core.schema import MetadataMode, TextNode

from automix_core.checking.query import Query
from automix_core.checking.turns import case, opening
from automix_core.checking.verdict import read_verdict
from benchmarks.llamaindex.children import Child

PASSAGES = (
    "Quillon is a harbour town. Its lighthouse has 211 steps and can be seen from the ferry. " * 3,
    "The lighthouse of Quillon was built by Oda Verrin in 1874, after two earlier ones had burnt down. " * 3,
)
QUESTION = "Who built the lighthouse?"
THRESHOLD = 0.75
SETTINGS = {"temperature": 1.0, "max_tokens": 256}


def index() -> SummaryIndex:
    """An index that retrieves both passages."""
    return SummaryIndex([TextNode(text=text) for text in PASSAGES])


def _turns() -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole(role), content=text) for role, text in opening()]


TURNS = _turns()


class ByHand(Child):
    """The steps over the same children, in the two methods through which the default query engine asks."""

    small: LLM
    large: LLM
    k: int = 8
    text: str = "by hand"

    def predict(self, prompt: BasePromptTemplate, **args: Any) -> str:
        """Blocking, the checks in threads."""
        return self.steps(*self._asked(prompt, args))

    async def apredict(self, prompt: BasePromptTemplate, **args: Any) -> str:
        """Awaited, the checks gathered."""
        return await self.asteps(*self._asked(prompt, args))

    def steps(self, messages: list[ChatMessage], question: str, context: str) -> str:
        """The steps for messages, as for `chat`."""
        draft = self.small.chat(messages).message.content or ""
        asked = self._check(context, question, draft)
        with ThreadPoolExecutor(self.k) as pool:
            replies = list(pool.map(lambda _: self.small.chat(asked, **SETTINGS), range(self.k)))
        return draft if _kept(replies) else self.large.chat(messages).message.content or ""

    async def asteps(self, messages: list[ChatMessage], question: str, context: str) -> str:
        """`steps`, awaited."""
        draft = (await self.small.achat(messages)).message.content or ""
        asked = self._check(context, question, draft)
        replies = await asyncio.gather(*(self.small.achat(asked, **SETTINGS) for _ in range(self.k)))
        return draft if _kept(replies) else (await self.large.achat(messages)).message.content or ""

    def _asked(self, prompt: BasePromptTemplate, args: dict[str, Any]) -> tuple[list[ChatMessage], str, str]:
        return prompt.format_messages(llm=self, **args), prompt.kwargs["query_str"], args["context_str"]

    def _check(self, context: str, question: str, draft: str) -> list[ChatMessage]:
        asked = case(Query(question, (context,)), draft)
        return [*TURNS, ChatMessage(role=MessageRole.USER, content=asked)]


def alone(model: ByHand, retriever: Any) -> Callable[[str], Awaitable[str]]:
    """The steps without a query engine: what is retrieved goes straight into the prompt."""

    async def ask(question: str) -> str:
        nodes = await retriever.aretrieve(question)
        context = "\n\n".join(node.node.get_content(metadata_mode=MetadataMode.LLM) for node in nodes)
        return await model.apredict(CHAT_TEXT_QA_PROMPT.partial_format(query_str=question), context_str=context)

    return ask


def _kept(replies: Sequence[Any]) -> bool:
    read = [read_verdict(reply.message.content or "") for reply in replies]
    readable = [verdict for verdict in read if verdict is not None]
    return bool(readable) and sum(readable) / len(readable) >= THRESHOLD
