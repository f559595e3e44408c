"""Drafts that call tools: passed on unjudged when they can be carried out, rejected when they can't.

A tool call answers nothing yet, so there is nothing to check against a context; what can be checked, cheaply and for
certain, is that the tool exists and that its arguments fit its schema. The final answer, after the tools have run, is
verified against their results like any other. A tool that only hands in an answer is the exception.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from automix_core.routing.effects import Reply

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def judged(reply: Reply, tools: Sequence[Any], final: frozenset[str] = frozenset()) -> Reply:
    """`reply` with its verdict as far as tool calls go: `passes` if they can be carried out, else `problem`.

    A call of nothing but `final` tools is an answer, and is judged by its arguments like structured output.
    """
    message = reply.native
    if reply.problem or not isinstance(message, AIMessage):
        return reply
    if message.invalid_tool_calls:
        return replace(reply, problem="a tool call that can't be parsed")
    if not message.tool_calls:
        return reply
    if not tools:
        return replace(reply, problem="a call of a tool that was not offered")
    known = {name: schema for tool in tools if (found := _schema(tool)) for name, schema in [found]}
    for call in message.tool_calls:
        if known and call["name"] not in known:
            return replace(reply, problem=f"a call of the unknown tool {call['name']!r}")
        if fault := _fault(call["args"], known.get(call["name"], {})):
            return replace(reply, problem=f"a call of {call['name']!r} whose arguments don't fit: {fault}")
    if final.issuperset(call["name"] for call in message.tool_calls):
        said = "\n".join(json.dumps(call["args"], ensure_ascii=False) for call in message.tool_calls)
        return replace(reply, text=said, is_data=True)
    return replace(reply, passes="The draft calls a tool; the answer after it is what gets verified.")


def final_tools(tools: Sequence[Any], tool_choice: Any) -> frozenset[str]:
    """The tools whose call is an answer: those that hold a schema and nothing to run, where a call is forced.

    Agents ask for structured output so (`create_agent(response_format=...)`).
    """
    if tool_choice in (None, "auto", "none", False):
        return frozenset()
    bare = [tool for tool in tools if _only_a_schema(tool)]
    return frozenset(found[0] for tool in bare if (found := _schema(tool)))


def _only_a_schema(tool: Any) -> bool:
    from langchain_core.tools import StructuredTool  # loaded where there are tools; slow where there are none

    return isinstance(tool, StructuredTool) and tool.func is None and tool.coroutine is None


def openai_tools(tools: Sequence[Any]) -> list[Any]:
    """`tools` as they are shown in traces and compared with drafts; a provider's built-in ones stay as they are."""
    return [
        tool if isinstance(tool, dict) and "function" not in tool else convert_to_openai_tool(tool) for tool in tools
    ]


def _schema(tool: Any) -> tuple[str, dict[str, Any]] | None:
    """A tool's name and JSON schema, in whichever form it was bound; None for a provider's own built-in tools."""
    try:
        function = convert_to_openai_tool(tool)["function"]
        return function["name"], function.get("parameters") or {}
    except (KeyError, TypeError, ValueError):
        return None


def _fault(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any] | None = None) -> str:
    """The first way in which `value` breaks `schema`, or "".

    Covers what tool schemas use: references, anyOf, types, enums, required fields, nesting. langchain-core brings no
    JSON-schema library, and rules this small don't justify another dependency on each call.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        return _fault(value, _resolve(str(schema["$ref"]), root), root)
    if "allOf" in schema:
        return next((fault for part in schema["allOf"] if (fault := _fault(value, part, root))), "")
    if options := schema.get("anyOf") or schema.get("oneOf"):
        faults = [_fault(value, option, root) for option in options]
        return "" if "" in faults else faults[0]
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum']}"
    if not _is_type(value, schema.get("type")):
        return f"{value!r} is no {schema['type']}"
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name in schema.get("required") or ():
            if name not in value:
                return f"{name!r} is missing"
        if schema.get("additionalProperties") is False and (extra := sorted(set(value) - set(properties))):
            return f"{extra[0]!r} is unknown"
        inside = [_fault(value[name], properties[name], root) for name in value if name in properties]
        return next((fault for fault in inside if fault), "")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return next((fault for item in value if (fault := _fault(item, schema["items"], root))), "")
    return ""


def _resolve(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    target: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        target = target.get(part, {}) if isinstance(target, Mapping) else {}
    return target if isinstance(target, Mapping) else {}


def _is_type(value: Any, wanted: Any) -> bool:
    """True if `value` is of the JSON type `wanted`, or of one of several; a whole float passes for an integer."""
    names = [wanted] if isinstance(wanted, str) else list(wanted or ())
    for name in names:
        if name not in _TYPES:
            return True
        if isinstance(value, bool) and name != "boolean":
            continue
        if isinstance(value, _TYPES[name]) or (name == "integer" and isinstance(value, float) and value.is_integer()):
            return True
    return not names
