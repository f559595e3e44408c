"""Tokens used. `None` in place of a `Usage` means that the provider reported nothing, which is not zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict


class Tokens(TypedDict):
    """Tokens of one or more requests."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more requests.

    `cached_input_tokens` is the part of the input that a prompt cache served, `cache_write_tokens` the part that was
    written into one. `details` are further parts of the input or output, under the framework's names; they are summed
    and handed back, nothing here reads them.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    details: Mapping[str, int] = field(default_factory=dict)
    cache_write_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            {
                name: self.details.get(name, 0) + other.details.get(name, 0)
                for name in {**self.details, **other.details}
            },
            self.cache_write_tokens + other.cache_write_tokens,
        )

    def to_dict(self) -> Tokens:
        """The form in which routes record usage, the same for both frameworks."""
        return {
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }


def total(usages: Iterable[Usage | None]) -> Usage | None:
    """The sum, or None as soon as one part is unknown: a sum with a hole would read as a smaller bill."""
    read = written = cached = stored = 0
    details: dict[str, int] = {}  # and plain numbers: an object for each part would cost more than a call's other books
    for usage in usages:
        if usage is None:
            return None
        read += usage.input_tokens
        written += usage.output_tokens
        cached += usage.cached_input_tokens
        stored += usage.cache_write_tokens
        for name, tokens in usage.details.items():
            details[name] = details.get(name, 0) + tokens
    return Usage(read, written, cached, details, stored)


def count_of(value: object) -> int | None:
    """`value` if it is a number of tokens, else None: a text or a negative number is none that was reported."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST or value % 1:
        return None
    return int(value)


_MOST = 2**53
