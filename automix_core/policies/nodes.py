"""The table of a POMDP policy: what was seen so far, and the actions after it, best first; and its form in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from ..decision import Accept, Action, Draft, Finish, Measure, Verify
from .problem import Seen
from .record import Form, Strict

History: TypeAlias = tuple[Seen | None, ...]
"""What the checks of each model's draft said, and in which bins its signals are; None where no draft is held."""

Ranked: TypeAlias = tuple[tuple[Action, float], ...]
"""Actions and the expected reward from here on, best first."""

Nodes: TypeAlias = Mapping[History, Ranked]

_Words: TypeAlias = (
    tuple[Literal["accept", "finish", "draft"], int, float]
    | tuple[Literal["verify"], int, int, float]
    | tuple[Literal["measure"], int, str, float]
)

_ACTIONS: dict[str, Callable[[int], Action]] = {"accept": Accept, "finish": Finish, "draft": Draft}


class _Node(Strict):
    seen: list[Annotated[list[int], Field(min_length=3)] | None]
    ranked: Annotated[list[_Words], Field(min_length=1)]


def _read(nodes: list[_Node]) -> Nodes:
    return {
        tuple(None if seen is None else tuple(seen) for seen in node.seen): tuple(
            (_action(words), float(words[-1])) for words in node.ranked
        )
        for node in nodes
    }


def _action(words: _Words) -> Action:
    if words[0] == "verify":
        return Verify(words[1], words[2])
    if words[0] == "measure":
        return Measure(words[1], words[2])
    return _ACTIONS[words[0]](words[1])


def _write(nodes: Nodes) -> list[dict[str, Any]]:
    return [
        {"seen": list(history), "ranked": [[*_plain(action), value] for action, value in ranked]}
        for history, ranked in nodes.items()
    ]


def _plain(action: Action) -> list[str | int]:
    name = type(action).__name__.lower()
    match action:
        case Verify(model, n):
            return [name, model, n]
        case Measure(model, signal):
            return [name, model, signal]
    return [name, action.model]


FORM = Form(list[_Node], _read, _write)
"""A node is `{"seen": [[correct, incorrect, unreadable], null], "ranked": [["accept", 0, 0.9], ...]}`."""
