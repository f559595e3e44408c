"""A verifier in one word, as far as no framework is in it: what it judges, and what it is asked and shown for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from .token_verdict import CONTEXT, MATTERS, About, Words, read_word


class OneWord:
    """Stands before an adapter's sampling verifier among the bases of its verifier in one word."""

    if TYPE_CHECKING:
        about: About

    @property
    def _layout(self) -> str:
        return MATTERS[self.about].layout

    @property
    def _words(self) -> Words:
        return MATTERS[self.about].words

    def _case(self, values: Any) -> Any:
        return {"answer": "", **values} if self.about == "context" and isinstance(values, Mapping) else values

    def _shown(self, answer: str) -> str:
        """The draft, if it is what is judged."""
        return answer if self.about == "answer" else ""


class BareWords:
    """Stands before an adapter's sampling verifier where it samples what is asked about the context, in one word."""

    @property
    def _layout(self) -> str:
        return CONTEXT.layout

    def _read(self, text: str) -> bool | None:
        return read_word(text, CONTEXT.words)


def of_its_matter(given: dict[str, Any]) -> dict[str, Any]:
    """What a verifier was given, with the instructions and examples of what it judges where they were left out."""
    if given.get("about") == "context":
        return {"instructions": CONTEXT.instructions, "shots": CONTEXT.shots, **given}
    return given


def check_continues(owner: str, about: About, continues: bool) -> None:
    """Raise `ConfigError`, naming `owner`, for a check that goes on from a draft which it does not see."""
    if continues and about == "context":
        raise ConfigError(
            f'{owner}: continues=True goes on from the draft, which about="context" does not see; '
            "leave one of them out."
        )
