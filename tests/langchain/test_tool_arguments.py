"""Which arguments of a drafted tool call fit the tool's schema, and how those that don't are told."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from automix_core.routing.effects import Reply
from langchain_automix.draft.toolcalls import judged

PLACE = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}


def told(arguments: dict[str, Any], **properties: Any) -> str:
    """What is wrong with a call of a tool with these properties; "" if nothing is."""
    defs = {"Place": PLACE}
    schema = {"type": "object", "properties": properties, "required": ["x"], "$defs": defs}
    tool = {"type": "function", "function": {"name": "look", "description": "Looks.", "parameters": schema}}
    message = AIMessage("", tool_calls=[{"name": "look", "args": arguments, "id": "1"}])
    reply = judged(Reply("", None, message), [tool])
    assert bool(reply.problem) != bool(reply.passes)
    return (reply.problem or "").removeprefix("a call of 'look' whose arguments don't fit: ")


@pytest.mark.parametrize(
    ("value", "schema", "problem"),
    [
        ("a", {"type": "string"}, ""),
        (7, {"type": "string"}, "7 is no string"),
        (7, {"type": "integer"}, ""),
        (7.0, {"type": "integer"}, ""),
        (7.5, {"type": "integer"}, "7.5 is no integer"),
        (True, {"type": "integer"}, "True is no integer"),
        (True, {"type": "boolean"}, ""),
        (7, {"type": "number"}, ""),
        (None, {"type": ["string", "null"]}, ""),
        (7, {"type": ["string", "null"]}, "7 is no ['string', 'null']"),
        (7, {"type": "money"}, ""),
        (7, {}, ""),
        ("a", {"enum": ["a", "b"]}, ""),
        ("c", {"enum": ["a", "b"]}, "'c' is none of ['a', 'b']"),
        (7, {"anyOf": [{"type": "string"}, {"type": "integer"}]}, ""),
        ([], {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "[] is no string"),
        ([], {"oneOf": [{"type": "string"}, {"type": "integer"}]}, "[] is no string"),
        (7, {"allOf": [{"type": "integer"}, {"enum": [7, 8]}]}, ""),
        (9, {"allOf": [{"type": "integer"}, {"enum": [7, 8]}]}, "9 is none of [7, 8]"),
        (["a", "b"], {"type": "array", "items": {"type": "string"}}, ""),
        (["a", 7], {"type": "array", "items": {"type": "string"}}, "7 is no string"),
        (["a", 7], {"type": "array"}, ""),
        ({"town": "Quillon"}, {"$ref": "#/$defs/Place"}, ""),
        ({}, {"$ref": "#/$defs/Place"}, "'town' is missing"),
        ({"town": 7}, {"$ref": "#/$defs/Place"}, "7 is no string"),
        ({"town": 7}, {"$ref": "#/$defs/Nowhere"}, ""),
        ({"town": "a", "land": "b"}, {**PLACE, "additionalProperties": False}, "'land' is unknown"),
        ({"town": "a", "land": "b"}, PLACE, ""),
    ],
)
def test_an_argument_and_its_schema(value: Any, schema: dict[str, Any], problem: str) -> None:
    assert told({"x": value}, x=schema) == problem


def test_a_required_argument_is_missed() -> None:
    assert told({"y": 7}, x={"type": "integer"}) == "'x' is missing"


def test_a_call_is_judged_by_name_where_no_offered_tool_has_a_schema() -> None:
    """A provider's built-in tools have none: their calls are the provider's to judge."""
    message = AIMessage("", tool_calls=[{"name": "web_search", "args": {}, "id": "1"}])
    assert judged(Reply("", None, message), [{"type": "web_search"}]).passes
    assert judged(Reply("", None, message), []).problem == "a call of a tool that was not offered"


def test_a_draft_with_a_problem_or_without_calls_stays_as_it_is() -> None:
    cut = Reply("", None, AIMessage(""), "cut off")
    assert judged(cut, []) is cut
    prose = Reply("Yes.", None, AIMessage("Yes."))
    assert judged(prose, [{"type": "web_search"}]) is prose
