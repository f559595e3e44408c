"""What an error of a provider, or of its client, means for the next request: which setting it refuses, if any."""

from __future__ import annotations

import logging
import re
import weakref
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Any

log = logging.getLogger("automix")

LIMITS = ("max_tokens", "max_completion_tokens")
"""The names under which OpenAI-compatible servers take the longest answer: the old one and the new one."""

_NAMED = {
    "temperature": re.compile(r"temperature", re.IGNORECASE),
    "max_tokens": re.compile(
        r"max_?(?:new_?|completion_?|output_?)?tokens|num_?predict|max(?:imum)? (?:output )?tokens", re.IGNORECASE
    ),
    "n": re.compile(r"(?<![\w\\])n(?!\w)|[Cc]andidate_?[Cc]ount|[Mm]ultiple candidates|num_return_sequences"),
    "logprobs": re.compile(r"log_?prob", re.IGNORECASE),
    "marks": re.compile(r"cache_?(?:control|point)|prompt caching", re.IGNORECASE),
    "system": re.compile(
        r"(?:system|developer)['\"]? (?:role|message|prompt|instruction)s?\b.{0,40}(?:n't|not|unsupported|unknown)|"
        r"roles must alternate|(?:unsupported|unknown|unexpected|invalid)[^.]{0,20} role\b.{0,10}system|"
        r"only user(?:,| and) (?:assistant|model)|not support.{0,20} system",
        re.IGNORECASE | re.DOTALL,
    ),
}
"""What the words of an error look like that refuse a setting."""
_OVERFLOW = re.compile(r"context (?:length|window|size)|too (?:large|long)|exceeds? the", re.IGNORECASE)
_PROPOSES = re.compile(r"\b(?:use|try|instead|renamed|replaced)\b", re.IGNORECASE)
_lock = Lock()
_MALFORMED = frozenset({400, 422})
_ELSEWHERE = {403: {"marks"}, 500: {"system"}}
"""What some refuse with other statuses."""
_FINAL = frozenset({400, 401, 402, 403, 404, 405, 413, 422, 429, 503, 529})
_BUSY = frozenset({413, 429, 503, 529})
"""Of these another request may fare better: later, or a shorter one."""


def status_of(error: BaseException | None) -> int | None:
    """The HTTP status that an error is about, wherever its client keeps it; None if it tells none.

    On the error itself (`status_code`, `code`, `http_status`, `status`), on its `response` or `raw_response` (an
    object, or botocore's dict), or on the error that it was raised from.
    """
    seen = 0
    while error is not None and seen < 5:
        for place in (error, getattr(error, "response", None), getattr(error, "raw_response", None)):
            for value in _statuses(place):
                if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600:
                    return int(value)
        error, seen = error.__cause__, seen + 1
    return None


def _statuses(place: Any) -> Iterator[Any]:
    if isinstance(place, Mapping):
        for part in (place.get("ResponseMetadata"), place.get("Error"), place):
            if isinstance(part, Mapping):
                yield part.get("HTTPStatusCode")
                yield part.get("Code")
    elif place is not None:
        for name in ("status_code", "code", "http_status", "http_status_code", "status"):
            yield getattr(place, name, None)


def refused(error: Exception, sent: Iterable[str]) -> frozenset[str]:
    """The settings among `sent` that `error` refuses, by name: "temperature", "max_tokens", "n", "logprobs", "system",
    "marks".

    A provider refuses with 400 or 422, a client with a TypeError or a ValueError (pydantic's are). A chat template
    that has no system role is the server's own fault to some, so 500 counts there too, and Bedrock denies access (403)
    where a model takes no marks for a cache.
    """
    status, client_side = status_of(error), isinstance(error, TypeError | ValueError)
    return refused_by(400 if status is None and client_side else status, _words(error), sent)


def refused_by(status: int | None, words: str, sent: Iterable[str]) -> frozenset[str]:
    """`refused`, of an answer's status and words."""
    names = set(sent) if status in _MALFORMED else set(sent) & _ELSEWHERE.get(status or 0, set())
    return frozenset(name for name in names if _NAMED[name].search(words))


def final(error: Exception) -> bool:
    """True if such a request again would be answered the same: no key, no such model, too many requests, malformed."""
    return status_of(error) in _FINAL


def refuses(error: Exception) -> bool:
    """True if such a request can't be answered at all, now or later: the client itself or the provider says so."""
    status = status_of(error)
    if status is None:
        return isinstance(error, TypeError | ValueError | AttributeError | NotImplementedError)
    return status in _FINAL - _BUSY


def malformed(error: Exception) -> bool:
    """True if a provider could not make sense of a request, whatever it says of it."""
    return status_of(error) in _MALFORMED


def passing(error: Exception) -> bool:
    """True if what was refused is this request's length, not the setting as such."""
    return overflows(_words(error))


def overflows(words: str) -> bool:
    """Whether an answer complains of the length of a request."""
    return _OVERFLOW.search(words) is not None


def other_limit(error: Exception, sent: str, known: tuple[str, ...]) -> str | None:
    """The name that an error proposes for the limit in place of the one that was `sent`, among those `known`."""
    words = _words(error)
    if not _PROPOSES.search(words):
        return None
    return next((name for name in known if name != sent and re.search(rf"\b{name}\b", words)), None)


def _words(error: Exception) -> str:
    """All that an error says: some clients keep the server's words on the response."""
    said = [str(error)]
    try:
        text = getattr(getattr(error, "response", None), "text", None)
    except Exception:  # a response that was never read
        text = None
    if isinstance(text, str):
        said.append(text)
    return "\n".join(said)


class Memory:
    """What is known of one model: the settings it refused, the name of its limit, whether it thinks before it answers.

    Kept for as long as the model lives, in this process only.
    """

    def __init__(self) -> None:
        self.refused: frozenset[str] = frozenset()
        self.limit_name: str | None = None
        self.thinks = False
        self.least_limit: int | None = None
        self._warned: set[str] = set()

    def forgo(self, names: Iterable[str]) -> None:
        """From now on send none of `names`."""
        with _lock:
            self.refused |= frozenset(names)

    def first(self, what: str) -> bool:
        """True the first time that `what` is to be warned of."""
        with _lock:
            new = what not in self._warned
            self._warned.add(what)
            return new


_memories: dict[int, tuple[weakref.ref[Any], Memory]] = {}


def memory_of(model: object) -> Memory:
    """The memory of this very model, which goes when the model goes; a new one where no model can be referred to."""
    with _lock:
        key = id(model)
        found = _memories.get(key)
        if found is not None and found[0]() is model:
            return found[1]
        memory = Memory()
        try:
            reference = weakref.ref(model, lambda gone: _forget(key, gone))
        except TypeError:
            return memory
        _memories[key] = (reference, memory)
        return memory


def _forget(key: int, gone: weakref.ref[Any]) -> None:
    found = _memories.get(key)  # no lock: this runs wherever the last reference went
    if found is not None and found[0] is gone:
        _memories.pop(key, None)


WARNINGS = {
    "temperature": (
        "{model} refuses the verifier's temperature; checking without one from now on, so verdicts may be identical. "
        "SelfVerifier(temperature=None) sends none."
    ),
    "max_tokens": (
        "{model} refuses max_tokens; checking without a limit from now on. SelfVerifier(max_tokens=None) sends none."
    ),
    "n": (
        "{model} refuses several choices in one request (n); from now on each check is a request of its own and reads "
        "the prompt again. A model whose API has n checks for less: SelfVerifier(model=...)."
    ),
    "logprobs": "{model} refuses log-probabilities; doing without them from now on.",
    "marks": "{model} refuses marks for its provider's prompt cache; checks go without them from now on.",
    "system": (
        "{model} has no system role; from now on the verifier's instructions stand in front of its first user turn."
    ),
}
"""What is said once when a model refuses a setting, and what to do about it."""


def warn_refused(memory: Memory, model: str, names: Iterable[str]) -> None:
    """Warn of each refused setting, once a model."""
    for name in sorted(names):
        if memory.first(name):
            log.warning(WARNINGS[name].format(model=model))
