"""An instance of a JSON schema, made up from the words of the request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

JsonSchema = dict[str, Any]


def synthesise(schema: JsonSchema, question: str, author: str) -> Any:
    """An instance of `schema`.

    Strings are the phrases quoted in `question`, in order, then words that name `author` (the model) and the field;
    numbers are those of the question, in order, then 1. An optional field is filled too.
    """
    quoted = iter(re.findall(r"['\"\u2018\u201c]([^'\"\u2019\u201d]+)['\"\u2019\u201d]", question))
    numbers = iter(re.findall(r"-?\d+(?:\.\d+)?", question))
    return _make(schema, schema, "value", quoted, numbers, author)


def keys_asked_for(question: str, author: str) -> dict[str, str]:
    """For JSON mode, which names no schema: an object with the keys that the question quotes."""
    keys = re.findall(r"'(\w+)'", question) or ["answer"]
    return {key: f"{key} by {author}" for key in keys}


def _make(
    schema: JsonSchema, whole: JsonSchema, name: str, quoted: Iterator[str], numbers: Iterator[str], author: str
) -> Any:
    if "$ref" in schema:
        target: Any = whole
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return _make(target, whole, name, quoted, numbers, author)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return _make(schema[union][0], whole, name, quoted, numbers, author)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        fields = schema.get("properties", {})
        return {key: _make(each, whole, key, quoted, numbers, author) for key, each in fields.items()}
    if kind == "array":
        return [_make(schema.get("items", {"type": "string"}), whole, name, quoted, numbers, author)]
    if kind == "integer":
        return int(float(next(numbers, "1")))
    if kind == "number":
        return float(next(numbers, "1"))
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    return next(quoted, f"{name} by {author}")
