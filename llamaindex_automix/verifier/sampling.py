"""Drawing n replies to one prompt: one request where the model can give n choices, else n concurrent ones.

The procedure stands once, as a generator of requests; `draw` and `adraw` perform them.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import LLM

from automix_core.usage import Usage, total

from ..child.responses import Response, choices_of, for_sampling, gives_n, text_of, usage_of
from .concurrent import agather, gather

log = logging.getLogger("automix")

IMPLAUSIBLE_CHARACTERS_A_TOKEN = 10
"""Text of more characters a reported token than this was not counted whole (English has about four)."""

Prompt: TypeAlias = Sequence[ChatMessage] | str


@dataclass(frozen=True)
class Sampler:
    """A model as it draws verdicts. The copies that carry the settings are made once: each may hold its own clients."""

    model: LLM
    temperature: float | None
    max_tokens: int | None

    def ask(self, prompt: Prompt, n: int, cool: bool) -> Response:
        """One request: chat turns where the prompt has any, else a completion. `cool` leaves out the temperature."""
        model, kwargs = self._set_up(n, cool)
        return model.complete(prompt, **kwargs) if isinstance(prompt, str) else model.chat(list(prompt), **kwargs)

    async def aask(self, prompt: Prompt, n: int, cool: bool) -> Response:
        """`ask`, awaited."""
        model, kwargs = self._set_up(n, cool)
        if isinstance(prompt, str):
            return await model.acomplete(prompt, **kwargs)
        return await model.achat(list(prompt), **kwargs)

    def _set_up(self, n: int, cool: bool) -> tuple[LLM, dict[str, Any]]:
        model, kwargs = self._cool if cool else self._warm
        if model is not self.model and model.callback_manager is not self.model.callback_manager:
            model.callback_manager = self.model.callback_manager
        return (model, {**kwargs, "n": n}) if n > 1 else (model, kwargs)

    @cached_property
    def _warm(self) -> tuple[LLM, dict[str, Any]]:
        return for_sampling(self.model, self.temperature, self.max_tokens)

    @cached_property
    def _cool(self) -> tuple[LLM, dict[str, Any]]:
        return for_sampling(self.model, None, self.max_tokens)


@dataclass(slots=True)
class Sample:
    """What was drawn: the texts, the errors of checks that broke, and the tokens of all requests."""

    texts: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    usage: Usage | None = field(default_factory=Usage)
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """`requests` requests for `n` choices each, with the verifier's temperature or without (`cool`)."""

    requests: int
    n: int
    cool: bool


Got: TypeAlias = Sequence[Response | Exception]


def sampling(model: LLM, n: int, temperature: float | None) -> Generator[Wanted, Got, Sample]:
    """Ask for `n` replies, the least number of requests first.

    A refused temperature is left out in one repetition. Fewer choices than asked count, and the rest is asked for one
    by one; so is everything where the endpoint refuses `n`.
    """
    sample, cool = Sample(), temperature is None
    if n > 1 and gives_n(model):
        got = yield Wanted(1, n, cool)
        if not cool and _refused(got, "temperature"):
            cool = _without_temperature()
            got = yield Wanted(1, n, cool)
        if not _refused(got, ""):
            _add_choices(sample, got[0], n)
    wanted = n - len(sample.texts) - len(sample.errors)
    if wanted > 0:
        got = yield Wanted(wanted, 1, cool)
        if not cool and (refused := _refused(got, "temperature")):
            _add_singles(sample, [item for item in got if item not in refused])
            cool = _without_temperature()
            got = yield Wanted(len(refused), 1, cool)
        _add_singles(sample, got)
    return sample


def draw(sampler: Sampler, prompt: Prompt, n: int, concurrency: int) -> Sample:
    """`n` replies to `prompt`, blocking, at most `concurrency` requests at a time."""
    flow = sampling(sampler.model, n, sampler.temperature)
    try:
        wanted = next(flow)
        while True:
            ask = partial(sampler.ask, prompt, wanted.n, wanted.cool)
            wanted = flow.send(gather([ask] * wanted.requests, concurrency))
    except StopIteration as stop:
        sample: Sample = stop.value
        return sample


async def adraw(sampler: Sampler, prompt: Prompt, n: int, concurrency: int) -> Sample:
    """`draw`, awaited."""
    flow = sampling(sampler.model, n, sampler.temperature)
    try:
        wanted = next(flow)
        while True:
            ask = partial(sampler.aask, prompt, wanted.n, wanted.cool)
            wanted = flow.send(await agather([ask] * wanted.requests, concurrency))
    except StopIteration as stop:
        sample: Sample = stop.value
        return sample


def _refused(got: Got, word: str) -> list[Exception]:
    """The errors by which a provider rejected a request as malformed, in words that name `word`.

    A model class whose methods don't know an argument says so with a TypeError.
    """
    errors = [item for item in got if isinstance(item, Exception)]
    malformed = [e for e in errors if getattr(e, "status_code", None) in (400, 422) or isinstance(e, TypeError)]
    return [error for error in malformed if word in str(error).lower()]


def _without_temperature() -> bool:
    log.warning(
        "The provider refuses the verifier's temperature; checking without one, so verdicts may be identical. "
        "SelfVerifier(temperature=None) sends none."
    )
    return True


def _add_choices(sample: Sample, got: Response | Exception, n: int) -> None:
    """The choices of one request, which is billed once."""
    if isinstance(got, Exception):
        sample.errors += [got] * n  # one broken request for n is n broken checks
        return
    sample.texts = choices_of(got)[:n]
    usage, count = usage_of(got), len(sample.texts)
    characters = sum(len(text) for text in sample.texts)
    if usage and count > 1 and characters > IMPLAUSIBLE_CHARACTERS_A_TOKEN * max(usage.output_tokens, 1):
        sample.estimated = True  # the server counted one choice of n
        usage = Usage(usage.input_tokens, usage.output_tokens * count, usage.cached_input_tokens)
    sample.usage = usage


def _add_singles(sample: Sample, got: Got) -> None:
    responses = [item for item in got if not isinstance(item, Exception)]
    sample.errors += [item for item in got if isinstance(item, Exception)]
    sample.texts += [text_of(response) for response in responses]
    sample.usage = total([sample.usage, *(usage_of(response) for response in responses)])
