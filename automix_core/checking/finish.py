"""Why a model stopped, and so whether its answer can be kept: only on a reason that is known to be good."""

from __future__ import annotations

import logging
from collections.abc import Collection
from functools import lru_cache

from .thoughts import final_text

log = logging.getLogger("automix")

GOOD = frozenset(
    {
        "completed",
        "complete",
        "end_turn",
        "endoftext",
        "eos",
        "eos_token",
        "finish",
        "finished",
        "function_call",
        "stop",
        "stop_sequence",
        "stop_str",
        "tool_call",
        "tool_calls",
        "tool_use",
    }
)
"""What providers write when a model came to its end by itself, or by calling a tool."""
CUT_OFF = frozenset(
    {
        "length",
        "max_length",
        "max_output_tokens",
        "max_tokens",
        "model_context_window_exceeded",
        "model_length",
        "token_limit",
    }
)
FILTERED = frozenset(
    {
        "blocklist",
        "content_filter",
        "content_filtered",
        "error_toxic",
        "guardrail_intervened",
        "image_safety",
        "model_armor",
        "prohibited_content",
        "recitation",
        "refusal",
        "safety",
        "spii",
    }
)
"""`refusal` is Anthropic's: its classifiers stopped the text. The model's own "not in the context" is a draft."""

UNDER_WAY = frozenset({"in_progress", "queued"})
"""States of an answer that has not ended, which OpenAI's Responses API tells where it later tells the end."""
UNFINISHED = "cut off (it came without a finish reason)"


def problem(text: str, finish_reason: str | None, *, good: Collection[str] = (), always_given: bool = False) -> str:
    """Why an answer can't be kept, as an adjective: "filtered", "cut off", "empty"; or "" if it can be judged.

    Providers return all of these as success; only the finish reason and the text tell. A reason that is not known,
    neither here nor as one of the client's `good` ones, is logged once and taken for a bad one; none is, where the
    client always gives one (`always_given`).
    """
    reason = _plain(finish_reason or "")
    if reason in FILTERED:
        return "filtered"
    if reason in CUT_OFF:
        return "cut off"
    if not final_text(text):
        return "empty"
    if reason in GOOD or reason in good:
        return ""
    if not reason and not always_given:
        return ""
    if not reason:
        _missing()
        return UNFINISHED
    _unknown(reason)
    return f"of an unknown finish reason ({reason})"


@lru_cache(1)
def _missing() -> None:
    log.warning("An answer came without a finish reason from a client that always gives one: it is not kept.")


def _plain(reason: str) -> str:
    """In small letters, without an enum's name before it; once, where two pieces of a stream were joined."""
    reason = reason.lower().rpartition(".")[2][:40]
    half = len(reason) // 2
    return reason[:half] if half and reason[:half] * 2 == reason else reason


@lru_cache(256)
def _unknown(reason: str) -> None:
    log.warning("Answers with the finish reason %r are not kept: it is not known to be a good one.", reason)
