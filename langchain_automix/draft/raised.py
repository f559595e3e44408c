"""Drafts that a client raises instead of returning: it asked for a form, and the provider's answer broke it.

OpenAI's client does so with `with_structured_output` where an answer was cut off, filtered or is not of the schema, and
Azure's with any answer that was filtered. The model has answered and the tokens are billed, so these are drafts that
can't be kept, not requests that failed.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from automix_core.routing.effects import Reply
from automix_core.usage import Usage, count_of

PROBLEMS = {"LengthFinishReasonError": "cut off", "ContentFilterFinishReasonError": "filtered"}
"""OpenAI's errors by name: this adapter knows no client package."""
FILTERED = "due to a content filter being triggered"
"""What `AzureChatOpenAI` says, in a ValueError, in the place of an answer that was filtered."""


def raised_draft(error: Exception, schema: str | None) -> Reply | None:
    """The draft that `error` stands for, or None if the request failed; `schema` is the name of the form asked for.

    Its tokens are those that the error tells, else unknown.
    """
    if why := PROBLEMS.get(type(error).__name__):
        return Reply("", _usage(getattr(error, "completion", None)), problem=why)
    if isinstance(error, ValueError) and FILTERED in str(error):
        return Reply("", problem="filtered")
    if schema is not None and isinstance(error, ValidationError) and error.title == schema:
        return Reply("", problem="not in the form that was asked for")
    return None


def _usage(completion: Any) -> Usage | None:
    told = getattr(completion, "usage", None)
    read, written = (count_of(getattr(told, name, None)) for name in ("prompt_tokens", "completion_tokens"))
    if read is None or written is None:
        return None
    cached = count_of(getattr(getattr(told, "prompt_tokens_details", None), "cached_tokens", None)) or 0
    return Usage(read, written, cached, {"input.cache_read": cached} if cached else {})
