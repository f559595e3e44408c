"""Drawing n replies to one prompt, written once for both adapters and `collect`.

`sampling` is a generator: it yields what is `Wanted`, is sent what came and returns a `Sample`. It knows no framework,
sends nothing itself and has no colour. One request for n choices where the client can, else n requests at the same
time. What a client or a provider refuses is left out of one repetition, and remembered for that model.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from ..usage import Usage, total
from .finish import CUT_OFF
from .refusal import (
    LIMITS,
    Memory,
    final,
    malformed,
    other_limit,
    passing,
    refused,
    refuses,
    status_of,
    warn_refused,
)
from .thoughts import final_text

log = logging.getLogger("automix")

MaxTokens: TypeAlias = int | Literal["auto"] | None
"""The longest check, in tokens; "auto": what suits the model; None: no limit is sent."""
AUTO_LIMIT = 256
"""The longest check of a model that is not known to think, in tokens."""
THINKING_LIMIT = 4096
"""The least limit under which a check is drawn again that was cut off before it said anything."""
BYTES_A_TOKEN = 5
"""About the most that real tokenizers make of prose: English 4 to 5 bytes a token, Chinese 4 to 5 as well."""
BYTES_A_SHORT_TOKEN = 10
SHORT = 64
"""Texts of fewer bytes say little about how they were counted."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a model is asked for replies.

    `temperature` None sends none. `max_tokens` "auto" is `AUTO_LIMIT`, and none for a model that `thinks` by its
    settings, within `budget` tokens. `choices`: its client can ask for several replies in one request. `limit_names`
    are the names under which the client may send the limit, the first one unless a provider proposes another; with
    `tries_names`, where nothing is known of the server, the next one is tried without that.
    `own_limit` is the one that the model has for its answers, and `model` its name in warnings. `logprobs`: how many
    alternatives to each token are to be reported; 0 asks for none. `marks`: in how many places the prompt is marked for
    its provider's cache, if the client has marks: after what all checks share, and after what those of one draft do.
    """

    temperature: float | None = 1.0
    max_tokens: MaxTokens = "auto"
    choices: bool = False
    thinks: bool = False
    budget: int = 0
    own_limit: int | None = None
    limit_names: tuple[str, ...] = LIMITS[:1]
    tries_names: bool = False
    model: str = "The model"
    logprobs: int = 0
    marks: int = 0

    def together(self, memory: Memory) -> bool:
        """Whether several replies come of one request, as far as is known by now."""
        return self.choices and "n" not in memory.refused


def marks_for(k: int) -> int:
    """The marks of a prompt that is asked up to `k` times: the examples' alone where its case is read but once."""
    return 2 if k > 1 else 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Effect: send `requests` requests, all at once, each for `n` choices under `settings`.

    `settings` may hold temperature, logprobs (how many alternatives) and a limit under one of the terms' names; what is
    absent is not to be sent, nor what is in `without`, whatever the model itself says. `system`: whether system text
    may have a turn of its own. `marks`: how many places of the prompt bear a mark for a cache. After an error that it
    `ends` no request that was not yet sent needs to be.
    """

    requests: int
    n: int
    settings: Mapping[str, Any]
    without: frozenset[str] = frozenset()
    system: bool = True
    marks: int = 0

    def ends(self, error: Exception) -> bool:
        """Whether `error` is the answer that the other requests would get too."""
        return final(error) or bool(refused(error, self.sent))

    @property
    def sent(self) -> frozenset[str]:
        """What the requests say, by the names of settings that may be refused."""
        said = {"max_tokens" if name in LIMITS else name for name in self.settings}
        also = {"n": self.n > 1, "system": self.system, "marks": self.marks > 0}
        return frozenset(said | {name for name, is_said in also.items() if is_said})


@dataclass(frozen=True, slots=True)
class Choices:
    """Result of one request: its texts, why each ended, the tokens of all, and the framework's own objects."""

    texts: Sequence[str]
    reasons: Sequence[str | None] = ()
    usage: Usage | None = None
    natives: Sequence[Any] = ()


Told: TypeAlias = Callable[[Memory, str, Iterable[str]], None]
"""Says which settings a model, known by this name, refuses: each once."""

Got: TypeAlias = Sequence[Choices | Exception]
"""What came of a `Wanted`, in order; fewer than asked for if an error ended the rest."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One reply."""

    text: str
    reason: str | None = None
    native: Any = None

    @property
    def cut(self) -> bool:
        """True if it ran into the limit."""
        return (self.reason or "").lower() in CUT_OFF

    @property
    def speechless(self) -> bool:
        """True if it ran into the limit before it said anything: its tokens went into thoughts.

        So it is with a reply that says nothing, and of which nobody says why it ended.
        """
        return (self.cut or self.reason is None) and not final_text(self.text)


@dataclass(frozen=True, slots=True)
class Sample:
    """What was drawn: the replies, the errors of those that broke, the requests that were answered and their tokens."""

    drawn: tuple[Drawn, ...] = ()
    errors: tuple[Exception, ...] = ()
    usage: Usage | None = field(default_factory=Usage)
    estimated: bool = False
    requests: int = 0

    @property
    def texts(self) -> list[str]:
        """The text of each reply."""
        return [reply.text for reply in self.drawn]

    def __add__(self, other: Sample) -> Sample:
        """Both together."""
        return Sample(
            self.drawn + other.drawn,
            self.errors + other.errors,
            total([self.usage, other.usage]),
            self.estimated or other.estimated,
            self.requests + other.requests,
        )


def sampling(n: int, terms: Terms, memory: Memory, told: Told | None = None) -> Generator[Wanted, Got, Sample]:
    """Draw `n` replies, with the least number of requests.

    Fewer choices than asked for count, and the rest is asked for one by one; so is everything where the endpoint
    refuses n. A reply that was cut off before it said anything is drawn again, once, under a larger limit. What is
    refused is `told`; None: that, and that a model can't check, is logged.
    """
    limit, tell = _limit(terms, memory), told or warn_refused
    sample = yield from _draw(n, terms, memory, limit, tell)
    if told is None:
        _tell_failed(sample, terms, memory)
    speechless = sum(reply.speechless for reply in sample.drawn)
    larger = THINKING_LIMIT + terms.budget
    most = terms.own_limit if limit is None else limit
    if not speechless or terms.max_tokens != "auto" or (most is not None and most >= larger):
        return sample
    if limit is None:  # its own limit, or the server's, is too small for it
        memory.least_limit = larger
    memory.thinks = True
    if memory.first("thinks"):
        log.warning(
            "%s thinks before it answers: %d of %d checks ended before they said anything. They are drawn again with "
            "room for %d tokens, and from now on without the limit of %d. SelfVerifier(max_tokens=...) sets another.",
            *(terms.model, speechless, n, larger, AUTO_LIMIT),
        )
    again = yield from _draw(speechless, terms, memory, larger, tell)
    return replace(sample, drawn=tuple(reply for reply in sample.drawn if not reply.speechless)) + again


def _tell_failed(sample: Sample, terms: Terms, memory: Memory) -> None:
    """Say once of a model that it can't check, if its errors are none that pass by themselves."""
    lasting = next((error for error in sample.errors if refuses(error)), None)
    if sample.drawn or lasting is None or not memory.first("checks"):
        return
    status = status_of(lasting)
    said = type(lasting).__name__ + (f", status {status}" if status else "")
    log.warning(
        "%s can't check: no check that was asked of it worked (%s). Where none works another model answers in the "
        "draft's place; SelfVerifier(model=...) lets another one check.",
        *(terms.model, said),
    )


def _limit(terms: Terms, memory: Memory) -> int | None:
    if terms.max_tokens != "auto":
        return terms.max_tokens
    return memory.least_limit if terms.thinks or memory.thinks else AUTO_LIMIT


def _draw(n: int, terms: Terms, memory: Memory, limit: int | None, told: Told) -> Generator[Wanted, Got, Sample]:
    asking = _Asking(terms, memory, limit, told)
    sample, blamed = Sample(), False
    if n > 1 and terms.together(memory):
        for one in (yield from asking.ask(1, n)):
            if isinstance(one, Choices):
                sample = _of_choices(one, n)
            elif not malformed(one):
                return Sample(errors=(one,) * n)  # one broken request for n is n broken checks
            else:  # and it doesn't say what: n, unless the singles fail too
                blamed = asking.careful = True
    if missing := n - len(sample.drawn):
        got = yield from asking.ask(missing, 1)
        singles = [item for item in got if isinstance(item, Choices)]
        if singles and blamed:
            memory.forgo({"n"})
            told(memory, terms.model, {"n"})
        sample += Sample(
            tuple(reply for one in singles for reply in _replies(one)[:1]),
            tuple(item for item in got if isinstance(item, Exception)),
            total(one.usage for one in singles),
            requests=len(singles),
        )
    return sample


class _Asking:
    """Asks for the same thing until nothing of it is refused any more."""

    def __init__(self, terms: Terms, memory: Memory, limit: int | None, told: Told) -> None:
        self.terms, self.memory, self.limit, self.told = terms, memory, limit, told
        self.limit_name = memory.limit_name or terms.limit_names[0]
        self.careful = False
        self.once_without: frozenset[str] = frozenset()

    def ask(self, requests: int, n: int) -> Generator[Wanted, Got, list[Choices | Exception]]:
        """What came of `requests` requests for `n` choices each: as many items, or none if `n` choices are refused.

        After a refusal one request goes first, so that a server that refuses everything is not asked for each reply.
        """
        kept: list[Choices | Exception] = []
        while len(kept) < requests:
            wanted = self._wanted(1 if self.careful else requests - len(kept), n)
            got = yield wanted
            refusals = {place: names for place, item in enumerate(got) if (names := _refusals(item, wanted))}
            kept += [item for place, item in enumerate(got) if place not in refusals]
            last = next((item for item in reversed(kept) if isinstance(item, Exception) and final(item)), None)
            if last is not None:
                return kept + [last] * (requests - len(kept))
            self.careful = bool(refusals)
            self._forgo({name: got[place] for place, names in refusals.items() for name in names})
            if any("n" in names for names in refusals.values()):
                return kept
        return kept

    def _wanted(self, requests: int, n: int) -> Wanted:
        refused = self.memory.refused
        without = (refused | self.once_without) - {"n", "system", "marks"}
        if self.terms.temperature is None:
            without |= {"temperature"}
        offered = {
            "temperature": self.terms.temperature,
            "max_tokens": self.limit,
            "logprobs": self.terms.logprobs or None,
        }
        settings = {
            self.limit_name if name == "max_tokens" else name: value
            for name, value in offered.items()
            if value is not None and name not in without
        }
        marks = 0 if "marks" in refused else self.terms.marks
        return Wanted(requests, n, settings, without, "system" not in refused, marks)

    def _forgo(self, refusals: Mapping[str, Choices | Exception]) -> None:
        """Leave out what was refused: for good, unless it was this one request that was too long."""
        if not refusals:
            return
        names = frozenset(refusals)
        error = refusals.get("max_tokens")
        if isinstance(error, Exception):
            other = other_limit(error, self.limit_name, self.terms.limit_names)
            if other is None and self.terms.tries_names:
                other = self.terms.limit_names[-1]
            if passing(error):
                self.once_without |= {"max_tokens"}
                names -= {"max_tokens"}
            elif other and self.limit_name == self.terms.limit_names[0]:
                self.memory.limit_name = self.limit_name = other
                names -= {"max_tokens"}
        self.memory.forgo(names)
        self.told(self.memory, self.terms.model, names)


def _refusals(item: Choices | Exception, wanted: Wanted) -> frozenset[str]:
    return refused(item, wanted.sent) if isinstance(item, Exception) else frozenset()


def _replies(choices: Choices) -> list[Drawn]:
    size = len(choices.texts)
    reasons = [*choices.reasons, *[None] * size][:size]
    natives = [*choices.natives, *[None] * size][:size]
    return [Drawn(*parts) for parts in zip(choices.texts, reasons, natives, strict=True)]


def _of_choices(choices: Choices, n: int) -> Sample:
    """The choices of one request, which is billed once."""
    drawn, usage = tuple(_replies(choices)[:n]), choices.usage
    estimated = usage is not None and one_counted([reply.text for reply in drawn], usage.output_tokens)
    if usage is not None and estimated:
        usage = replace(usage, output_tokens=usage.output_tokens * len(drawn))
    return Sample(drawn, (), usage, estimated, 1)


def one_counted(texts: Sequence[str], tokens: int) -> bool:
    """True if `tokens` can't be those of all `texts`: some servers count one choice of several.

    Told by bytes, since scripts differ in letters a token far more than in bytes a token. The bound lies half way (on a
    scale of ratios) between what all texts and what the longest alone would take.
    """
    sizes = [len(text.encode()) for text in texts]
    if len(sizes) < 2:
        return False
    longest, whole = max(sizes), sum(sizes)
    if longest < SHORT:
        return whole > BYTES_A_SHORT_TOKEN * max(tokens, 1)
    return max(tokens, 1) * BYTES_A_TOKEN < math.sqrt(whole * longest)
