"""What the adapter tells LlamaIndex's instrumentation: the route of each call, and the end of its streams."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.base.event import BaseEvent
from llama_index_instrumentation.dispatcher import Dispatcher
from llama_index_instrumentation.event_handlers import NullEventHandler
from llama_index_instrumentation.span import active_span_id
from llama_index_instrumentation.span_handlers import NullSpanHandler

from automix_core.routing.route import Route
from automix_core.routing.telling import Fact

dispatcher = get_dispatcher(__name__)
_TRACES = "opentelemetry.trace"
QUIET = (NullEventHandler, NullSpanHandler)
Chart: TypeAlias = Callable[[Mapping[str, Fact]], None]


def observed(source: Dispatcher = dispatcher) -> bool:
    """Whether anyone looks at the events and spans of `source`; where nobody does, none is made, which takes time."""
    while True:
        if any(type(handler) not in QUIET for handler in (*source.span_handlers, *source.event_handlers)):
            return True
        if not source.propagate:
            return False
        source = source.parent


def tell(event: Callable[..., BaseEvent], **fields: Any) -> None:
    """Tell an event of the kind `event`, if anyone listens."""
    if observed():
        dispatcher.event(event(**fields))


class AutoMixRoutingEvent(BaseEvent):
    """One call of an `AutoMixLLM` is over; `automix` is its route, as `Route.to_dict` gives it. It holds no texts."""

    automix: dict[str, Any]

    @classmethod
    def class_name(cls) -> str:
        """The name under which handlers know the event."""
        return "AutoMixRoutingEvent"


def charting() -> Chart:
    """What puts facts on the OpenTelemetry span that is the current one now, wherever it is called, while that is open.

    An instrumentation such as OpenInference's makes its span the current one while the call runs.
    """
    if _TRACES not in sys.modules or active_span_id.get() is None:
        return nowhere
    from opentelemetry.trace import get_current_span

    span = get_current_span()
    # The methods, not the span: OpenInference's current span is a stand-in, for another once a stream is handed out.
    is_open, put = span.is_recording, span.set_attributes

    def chart(found: Mapping[str, Fact]) -> None:
        if is_open():
            put(found)

    return chart


def nowhere(found: Mapping[str, Fact]) -> None:
    """Nobody charts."""


def routed(route: Route, span: str | None) -> None:
    """Tell the route of the call whose span is `span`."""
    if observed():
        dispatcher.event(AutoMixRoutingEvent(automix=route.to_dict(), span_id=span))


def streamed(text: str, span: str | None) -> None:
    """Tell that the stream of `span` is at its end.

    Tracers keep the span of a stream open until its model says so. The response goes without usage and raw object:
    the children have reported their tokens, and tracers add up what they see.
    """
    message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
    tell(LLMChatEndEvent, messages=[], response=ChatResponse(message=message), span_id=span)


def broke(error: BaseException, span: str | None) -> None:
    """Tell that the stream of `span` ended with `error`."""
    tell(ExceptionEvent, exception=error, span_id=span)
