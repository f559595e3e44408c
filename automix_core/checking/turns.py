"""What the verifier is sent, as turns of a chat: the instructions, the worked examples, the case.

Examples are sent as turns where the model chats: with one long prompt a 0.5B model's verdicts were 37 % unreadable
(n = 30), with turns 10 % (n = 295).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from .prompt import CASE, INSTRUCTIONS, SHOTS, Shot, blocks, case_variables
from .query import Query

Role: TypeAlias = Literal["system", "user", "assistant"]
Turn: TypeAlias = tuple[Role, str]


def turns(
    query: Query, answer: str, instructions: str = INSTRUCTIONS, shots: Sequence[Shot] = SHOTS, *, system: bool = True
) -> list[Turn]:
    """The whole request for a check of `answer`; without `system`, for models that have no such role."""
    asked = [*opening(instructions, shots), ("user", case(query, answer))]
    return asked if system else without_system(asked)


def opening(instructions: str = INSTRUCTIONS, shots: Sequence[Shot] = SHOTS, layout: str = CASE) -> list[Turn]:
    """The turns before the case, the same at each check. Empty instructions have no turn."""
    found: list[Turn] = [("system", instructions)] if instructions.strip() else []
    for shot in shots:
        found += [("user", layout.format(**shown(shot))), ("assistant", shot.check)]
    return found


def case(query: Query, answer: str, layout: str = CASE) -> str:
    """The turn that asks, laid out as `CASE` or another: braces in the data stay what they are."""
    return layout.format(**case_variables(query, answer))


def shown(shot: Shot) -> dict[str, str]:
    """A worked example as the variables of `CASE`."""
    return blocks(shot.to_dict())


def without_system(asked: Sequence[Turn]) -> list[Turn]:
    """The same turns with what the system was told in front of the first user turn."""
    told = "\n\n".join(text for role, text in asked if role == "system")
    left: list[Turn] = [(role, text) for role, text in asked if role != "system"]
    if not told:
        return left
    if not left or left[0][0] != "user":
        return [("user", told), *left]
    return [("user", f"{told}\n\n{left[0][1]}"), *left[1:]]


def as_text(asked: Sequence[Turn]) -> str:
    """The turns as one text, for models that complete texts."""
    return "\n\n".join(text for _, text in asked)
