"""What a server refused of a request, and how the next one goes out: the rules of `SelfVerifier`, for plain bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automix_core.checking.refusal import LIMITS, Memory, overflows, refused_by
from automix_core.checking.turns import without_system

_TOLD = {
    "temperature": "refuses a temperature; it is asked without one",
    "max_tokens": "refuses max_tokens; it is asked without a limit",
    "n": "gives one reply a request; checks are separate requests, which read the prompt again",
    "logprobs": "refuses log-probabilities; its drafts' token signals are missing",
    "system": "has no system role; instructions stand in front of the first user turn",
}


def worded(body: Mapping[str, Any], memory: Memory, once: frozenset[str] = frozenset()) -> dict[str, Any]:
    """`body` as this server takes it."""
    out = memory.refused | once
    out |= {"top_logprobs"} if "logprobs" in out else frozenset()
    sent = {name: value for name, value in body.items() if name not in out}
    if "max_tokens" in sent and memory.limit_name:
        sent[memory.limit_name] = sent.pop("max_tokens")
    if "system" in memory.refused:
        asked = without_system([(message["role"], message["content"]) for message in body["messages"]])
        sent["messages"] = [{"role": role, "content": text} for role, text in asked]
    return sent


def learned(
    memory: Memory, sent: Mapping[str, Any], status: int, words: str, note: Callable[[str], None]
) -> frozenset[str] | None:
    """Remember what the server refuses of what was `sent`; None if it refuses none of it.

    Returned is what only this request has to do without. A limit refused under its old name is next sent under the new
    one.
    """
    named = {"max_tokens" if name in LIMITS else name for name in sent} & {"temperature", "max_tokens", "n", "logprobs"}
    if any(message["role"] == "system" for message in sent["messages"]):
        named |= {"system"}
    names = refused_by(status, words, named)
    passing = names & {"max_tokens"} if overflows(words) else frozenset()
    lasting = names - passing
    if "max_tokens" in lasting and LIMITS[0] in sent:
        memory.limit_name, lasting = LIMITS[1], lasting - {"max_tokens"}
    memory.forgo(lasting)
    for name in sorted(lasting):
        if memory.first(name):
            note(_TOLD[name])
    return passing if names else None


def without_logprobs(memory: Memory, note: Callable[[str], None]) -> None:
    """Remember that the server gave none though it was asked."""
    memory.forgo({"logprobs"})
    if memory.first("logprobs"):
        note("gives no log-probabilities; its drafts' token signals are missing")
