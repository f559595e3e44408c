"""Structured output through a cascade: each model asked in its provider's way, each answer parsed in that same way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnableSequence
from langchain_core.utils.function_calling import convert_to_json_schema
from pydantic import BaseModel

from automix_core.errors import ConfigError
from automix_core.routing.attached import KEY
from automix_core.routing.effects import Reply

from ..child.models import Child, rewrap


@dataclass(frozen=True, slots=True)
class Structure:
    """The models bound to a schema, and for each the parsers of its answers (several where it has fallbacks).

    `name` is the schema's, if it is a class.
    """

    models: Sequence[Child]
    parsers: Sequence[Sequence[Runnable[Any, Any]]]
    name: str | None = None

    @classmethod
    def of(cls, models: Sequence[Child], schema: Any, kwargs: Mapping[str, Any]) -> Structure:
        """Ask every model for its own structured form and take it apart into the bound model and the parser.

        Raises `ConfigError` where a model gives something else than a sequence of the two.
        """
        bound, parsers = [], []
        for number, model in enumerate(models):
            mine: list[Runnable[Any, Any]] = []

            def ask(inner: Child, mine: list[Runnable[Any, Any]] = mine, number: int = number) -> Child:
                whole = inner.with_structured_output(schema, include_raw=True, **kwargs)  # type: ignore[attr-defined]
                first = whole.first if isinstance(whole, RunnableSequence) else None
                raw = first.steps__.get("raw") if isinstance(first, RunnableParallel) else None
                if raw is None:
                    raise ConfigError(
                        f"models[{number}] makes structured output in a way that can't be drafted and checked; "
                        'set structured_output="large".'
                    )
                mine.append(whole.steps[1] if len(whole.steps) == 2 else RunnableSequence(*whole.steps[1:]))
                return raw

            bound.append(rewrap(model, ask))
            parsers.append(mine)
        return cls(bound, parsers, schema.__name__ if isinstance(schema, type) else None)

    def parse(self, message: AIMessage, model: int) -> dict[str, Any]:
        """`{"raw", "parsed", "parsing_error"}` of an answer by `model`."""
        found: dict[str, Any] = {"raw": message, "parsed": None, "parsing_error": None}
        for parser in self.parsers[model]:
            found = parser.invoke({"raw": message}, {"callbacks": []})
            if found["parsing_error"] is None and found["parsed"] is not None:
                break
        return found

    def judged(self, reply: Reply, model: int) -> Reply:
        """A draft as the verifier is to see it: the data as text, or the problem that it doesn't parse."""
        if reply.problem:
            return reply
        found = self.parse(reply.native, model)
        if found["parsing_error"] is not None or found["parsed"] is None:
            return replace(reply, problem="not in the form that was asked for")
        return replace(reply, text=_as_text(reply.native, found["parsed"]), is_data=True)

    def parser(self, include_raw: bool) -> Runnable[AIMessage, Any]:
        """From the cascade's message to what the caller asked for."""

        def parse(message: AIMessage) -> Any:
            found = self.parse(message, message.response_metadata[KEY]["model"])
            if include_raw:
                return found
            if found["parsing_error"] is not None:
                raise found["parsing_error"]
            return found["parsed"]

        return RunnableLambda(parse, name="parse_structured_output")


def _as_text(message: AIMessage, parsed: Any) -> str:
    """What the caller gets, as it is checked: the data, and not what a message may say beside them."""
    if message.tool_calls:
        return "\n".join(json.dumps(call["args"], ensure_ascii=False) for call in message.tool_calls)
    if isinstance(parsed, BaseModel):
        return json.dumps(parsed.model_dump(mode="json"), ensure_ascii=False)
    try:
        return json.dumps(parsed, ensure_ascii=False)
    except TypeError:
        return message.text


def json_schema(schema: Any) -> dict[str, Any]:
    """The schema as traces show it; any object where there is none."""
    return {"title": "object", "type": "object"} if schema is None else convert_to_json_schema(schema)
