"""Short reprs, the same in every framework: what was chosen, and nothing that is long or secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

_LONG = 60


class Words(str):
    """Text that a repr shows without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def chosen(part: BaseModel, names: Callable[[Any], str], always: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    """The fields that differ from their defaults, and those in `always`; models by `names`, what is long as "...".

    >>> class Judge(BaseModel):
    ...     k: int = 8
    ...     instructions: str = "Check."
    >>> chosen(Judge(instructions="Check very well. " * 9), str, ("k",))
    [('k', 8), ('instructions', ...)]
    """
    found: list[tuple[str, Any]] = []
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if name not in always and (field.exclude or value == field.get_default(call_default_factory=True)):
            continue
        if name == "model" and value is not None:
            value = Words(names(value))
        elif name == "models" and isinstance(value, list):
            value = [Words(names(model)) for model in value]
        elif callable(value):
            value = Words(getattr(value, "__qualname__", type(value).__name__))
        found.append((name, Words("...") if len(repr(value)) > _LONG and name not in always else value))
    return found
