"""The cascades whose calls are audited: children of 50 ms in this process, or over HTTP from a server in another."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

from automix_core.audit.audit import Audit
from benchmarks.audits.delay import PAUSE, Ask
from benchmarks.llamaindex.children import Child
from langchain_automix import AutoMixChatModel
from langchain_automix import SelfVerifier as LangChainVerifier
from llamaindex_automix import AutoMixLLM
from llamaindex_automix import SelfVerifier as LlamaIndexVerifier
from tests.loopback import OpenAIServer, Reply

CONTEXT = "Quillon is a harbour town. Its lighthouse was built by Oda Verrin. " * 8

Build = Callable[[Audit | None], Ask]


class Sleeper(BaseChatModel):
    """Answers after a pause, and every check with the same verdict."""

    text: str

    @property
    def _llm_type(self) -> str:
        return "sleeper"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        time.sleep(PAUSE)
        said = "So it says.\nVerdict: Correct" if len(messages) > 2 else self.text
        usage: Any = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
        return ChatResult(generations=[ChatGeneration(message=AIMessage(said, usage_metadata=usage))])


def langchain(small: Any, large: Any) -> Build:
    """Calls of `AutoMixChatModel`."""

    def build(audit: Audit | None) -> Ask:
        model = AutoMixChatModel(models=[small, large], verifier=LangChainVerifier(k=8), audit=audit)
        return lambda question: model.invoke(question, automix_context=CONTEXT)

    return build


def llamaindex(small: Any, large: Any) -> Build:
    """Calls of `AutoMixLLM`."""

    def build(audit: Audit | None) -> Ask:
        llm = AutoMixLLM(models=[small, large], verifier=LlamaIndexVerifier(k=8), audit=audit)
        return lambda question: llm.chat([ChatMessage(question)], automix_context=CONTEXT)

    return build


@contextmanager
def cascades() -> Iterator[dict[str, Build]]:
    """All that are measured, by name."""
    with serving() as url:
        chat: dict[str, Any] = {"base_url": url, "api_key": "none", "max_retries": 0}
        like: dict[str, Any] = {"api_base": url, "api_key": "none", "is_chat_model": True, "max_retries": 0}
        yield {
            "LangChain, in process": langchain(Sleeper(text="A draft."), Sleeper(text="An answer.")),
            "LangChain, HTTP": langchain(ChatOpenAI(model="small", **chat), ChatOpenAI(model="large", **chat)),
            "LlamaIndex, in process": llamaindex(
                Child(text="A draft.", pause=PAUSE), Child(text="An answer.", pause=PAUSE)
            ),
            "LlamaIndex, HTTP": llamaindex(OpenAILike(model="small", **like), OpenAILike(model="large", **like)),
        }


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server in a process of its own, so that its work is not counted as the caller's."""
    processes = multiprocessing.get_context("spawn")
    here, there = processes.Pipe()
    server = processes.Process(target=_serve, args=(there,), daemon=True)
    server.start()
    yield here.recv()
    here.send("enough")
    server.join()


def _serve(asked: Connection) -> None:
    with OpenAIServer() as server:
        server.say(None, Reply("An answer.", delay=PAUSE))
        server.verdicts(Reply("So it says.\nVerdict: Correct", delay=PAUSE))
        asked.send(server.url)
        asked.recv()
