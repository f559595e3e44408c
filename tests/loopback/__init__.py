"""Real HTTP servers on 127.0.0.1 that stand in for a model provider and for LangSmith."""

from __future__ import annotations

from .langsmith_collector import LangSmithCollector, Node
from .openai_server import Bill, OpenAIServer, Quirks
from .reply import Gate, Reply
from .request import Request

__all__ = ["Bill", "Gate", "LangSmithCollector", "Node", "OpenAIServer", "Quirks", "Reply", "Request"]
