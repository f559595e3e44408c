"""Drawing n replies, step by step: what is wanted next, given what came."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from automix_core.checking.concurrent import agather, gather
from automix_core.checking.refusal import LIMITS, Memory, memory_of, refused, status_of
from automix_core.checking.sampling import Choices, Sample, Terms, Told, Wanted, marks_for, one_counted, sampling
from automix_core.usage import Usage

YES = "Verdict: Correct"


class RefusedError(Exception):
    def __init__(self, words: str = "no", status: int = 400) -> None:
        super().__init__(words)
        self.status_code = status


def one(text: str = YES, reason: str = "stop") -> Choices:
    return Choices([text], [reason], Usage(10, 2))


def several(*texts: str, usage: Usage | None = None) -> Choices:
    return Choices(texts, ["stop"] * len(texts), usage or Usage(10, 100))


Answers = Callable[[Wanted], list[Choices | Exception]]


def drive(
    n: int, answers: Answers, memory: Memory | None = None, told: Told | None = None, **terms: Any
) -> tuple[list[Wanted], Sample]:
    """What was wanted in turn, and the sample."""
    flow, asked = sampling(n, Terms(**terms), memory or Memory(), told), []
    try:
        wanted = next(flow)
        while True:
            asked.append(wanted)
            wanted = flow.send(answers(wanted))
    except StopIteration as stop:
        return asked, stop.value


def given(wanted: Wanted) -> list[Choices | Exception]:
    """All that was wanted."""
    return [several(*[YES] * wanted.n)] if wanted.n > 1 else [one() for _ in range(wanted.requests)]


def test_one_request_for_all_is_billed_once() -> None:
    asked, sample = drive(4, given, choices=True)
    assert [(wanted.requests, wanted.n) for wanted in asked] == [(1, 4)]
    assert asked[0].settings == {"temperature": 1.0, "max_tokens": 256}
    assert (len(sample.drawn), sample.usage, sample.estimated) == (4, Usage(10, 100), False)


def test_requests_of_their_own_go_out_at_once_and_are_summed() -> None:
    asked, sample = drive(4, given)
    assert [(wanted.requests, wanted.n) for wanted in asked] == [(4, 1)]
    assert sample.usage == Usage(40, 8)


def test_one_reply_is_one_plain_request() -> None:
    asked, _ = drive(1, given, choices=True)
    assert [(wanted.requests, wanted.n) for wanted in asked] == [(1, 1)]


def test_fewer_choices_count_and_the_rest_is_requested() -> None:
    asked, sample = drive(4, lambda w: [several(YES, "No.")] if w.n > 1 else given(w), choices=True)
    assert [(wanted.requests, wanted.n) for wanted in asked] == [(1, 4), (2, 1)]
    assert sample.texts == [YES, "No.", YES, YES]


def test_more_choices_than_asked_for_are_left() -> None:
    _, sample = drive(2, lambda _: [several(YES, YES, YES)], choices=True)
    assert len(sample.drawn) == 2


def test_no_choice_at_all_is_none_drawn() -> None:
    asked, sample = drive(2, lambda w: [Choices([], [], None)] if w.n > 1 else given(w), choices=True)
    assert [(wanted.requests, wanted.n) for wanted in asked] == [(1, 2), (2, 1)]
    assert (len(sample.drawn), sample.usage) == (2, None), "what the first one cost is not known"


def test_a_broken_request_for_n_is_n_broken_checks() -> None:
    error = RefusedError(status=500)
    asked, sample = drive(4, lambda _: [error], choices=True)
    assert (len(asked), sample.errors, sample.usage) == (1, (error,) * 4, Usage())


def test_what_was_refused_is_left_out_of_one_repetition() -> None:
    memory = Memory()

    def answers(wanted: Wanted) -> list[Choices | Exception]:
        if "temperature" in wanted.settings:
            return [RefusedError("temperature?") for _ in range(wanted.requests)]
        return given(wanted)

    asked, sample = drive(4, answers, memory)
    assert [("temperature" in w.settings, w.requests) for w in asked] == [(True, 4), (False, 1), (False, 3)]
    assert "temperature" in asked[1].without, "not even the model's own"
    assert (len(sample.drawn), sample.errors) == (4, ())
    asked, _ = drive(4, answers, memory)
    assert [("temperature" in w.settings, w.requests) for w in asked] == [(False, 4)]


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("messages.10.content.0.text.cache_control: Extra inputs are not permitted"),
        RefusedError("You invoked an unsupported model or your request did not allow prompt caching.", 403),
    ],
)
def test_marks_that_are_refused_are_left_out_from_then_on(error: Exception) -> None:
    memory = Memory()

    def answers(wanted: Wanted) -> list[Choices | Exception]:
        return [error for _ in range(wanted.requests)] if wanted.marks else given(wanted)

    asked, sample = drive(4, answers, memory, marks=marks_for(4))
    assert [(w.marks, w.requests) for w in asked] == [(2, 4), (0, 1), (0, 3)]
    assert (len(sample.drawn), sample.errors, asked[1].without) == (4, (), frozenset())
    asked, _ = drive(1, answers, memory, marks=marks_for(1))
    assert [w.marks for w in asked] == [0]
    assert refused(error, {"temperature"}) == frozenset()


def test_several_settings_may_be_refused_one_after_the_other() -> None:
    def answers(wanted: Wanted) -> list[Choices | Exception]:
        for name in ("max_tokens", "temperature"):
            if name in wanted.settings:
                return [RefusedError(f"{name} is unknown")]
        return [RefusedError("n must be 1")] if wanted.n > 1 else given(wanted)

    asked, sample = drive(4, answers, choices=True)
    assert [(sorted(w.settings), w.n, w.requests) for w in asked] == [
        (["max_tokens", "temperature"], 4, 1),
        (["temperature"], 4, 1),
        ([], 4, 1),
        ([], 1, 1),
        ([], 1, 3),
    ]
    assert len(sample.drawn) == 4


@pytest.mark.parametrize(
    ("refuses", "sent"),
    [
        (["max_tokens"], [["max_tokens"], ["max_completion_tokens"]]),
        (["max_tokens", "max_completion_tokens"], [["max_tokens"], ["max_completion_tokens"], []]),
    ],
)
def test_a_server_of_which_nothing_is_known_is_told_the_limit_under_its_other_name(
    refuses: list[str], sent: list[list[str]]
) -> None:
    told: list[str] = []

    def answers(wanted: Wanted) -> list[Choices | Exception]:
        names = [name for name in refuses if name in wanted.settings]
        return [RefusedError(f"{names[0]} is not known")] if names else given(wanted)

    def tell(memory: Memory, model: str, names: Iterable[str]) -> None:
        told.extend(f"{model}: {name}" for name in names)

    terms: dict[str, Any] = {"temperature": None, "max_tokens": 9, "limit_names": LIMITS, "tries_names": True}
    asked, _ = drive(1, answers, told=tell, model="m", **terms)
    assert [list(wanted.settings) for wanted in asked] == sent
    assert told == (["m: max_tokens"] if len(refuses) == 2 else [])


def test_a_client_may_refuse_several_in_one_error() -> None:
    def answers(wanted: Wanted) -> list[Choices | Exception]:
        bad = [name for name in ("max_tokens", "n") if name in wanted.sent]
        return [ValueError(f"2 validation errors: {bad} Extra inputs are not permitted")] if bad else given(wanted)

    asked, sample = drive(4, answers, choices=True)
    assert [(sorted(w.settings), w.n) for w in asked][:2] == [(["max_tokens", "temperature"], 4), (["temperature"], 1)]
    assert len(sample.drawn) == 4


def test_a_malformed_request_for_n_that_names_nothing_is_blamed_on_n_only_if_others_work() -> None:
    memory = Memory()
    asked, sample = drive(4, lambda w: [RefusedError("bad")] if w.n > 1 else given(w), memory, choices=True)
    assert ([(w.n, w.requests) for w in asked], len(sample.drawn)) == ([(4, 1), (1, 1), (1, 3)], 4)
    assert memory.refused == {"n"}
    memory = Memory()
    asked, sample = drive(4, lambda w: [RefusedError("bad")] * w.requests, memory, choices=True)
    assert ([(w.n, w.requests) for w in asked], len(sample.errors)) == ([(4, 1), (1, 1)], 4)
    assert memory.refused == frozenset()


def test_after_a_final_refusal_nothing_more_is_asked() -> None:
    error = RefusedError(status=429)
    asked, sample = drive(8, lambda _: [one(), error])
    assert (len(asked), len(sample.drawn), sample.errors) == (1, 1, (error,) * 7)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RefusedError(status=401), "RefusedError, status 401"),
        (RefusedError("bad"), "RefusedError, status 400"),
        (TypeError("Client.chat() got an unexpected keyword argument 'top_p'"), "TypeError"),
    ],
)
def test_a_model_that_can_not_check_is_named_once(
    error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory()
    for _ in range(2):
        drive(4, lambda w: [error] * w.requests, memory, model="small")
    assert caplog.messages == [
        f"small can't check: no check that was asked of it worked ({said}). Where none works another model answers in "
        "the draft's place; SelfVerifier(model=...) lets another one check."
    ]


@pytest.mark.parametrize("error", [RefusedError(status=429), RefusedError(status=503), ConnectionError("reset")])
def test_a_model_that_is_busy_or_out_of_reach_is_not_said_to_be_unable(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    drive(4, lambda w: [error] * w.requests)
    drive(4, lambda w: [RefusedError(status=401), *[one()] * (w.requests - 1)])
    assert not caplog.messages


def test_checks_cut_off_before_a_word_are_drawn_again_once_with_room(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory()

    def answers(wanted: Wanted) -> list[Choices | Exception]:
        small = wanted.settings.get("max_tokens", 10**9) <= 256
        short = one("<think>Let me see", "length") if small else one()
        return [one(), *[short] * (wanted.requests - 1)]

    with caplog.at_level(logging.WARNING, "automix"):
        asked, sample = drive(3, answers, memory, budget=1000, model="thinker")
    assert [(w.requests, w.settings["max_tokens"]) for w in asked] == [(3, 256), (2, 5096)]
    assert (sample.texts, sample.usage) == ([YES] * 3, Usage(50, 10)), "what was cut off was paid for"
    assert "thinker thinks before it answers: 2 of 3" in caplog.text
    asked, _ = drive(3, given, memory)
    assert "max_tokens" not in asked[0].settings


def test_a_thinking_model_that_is_still_cut_off_is_given_a_limit_from_then_on() -> None:
    memory = Memory()
    asked, sample = drive(2, lambda w: [one("", "length")] * w.requests, memory, thinks=True)
    assert [w.settings.get("max_tokens") for w in asked] == [None, 4096]
    assert len(sample.drawn) == 2
    asked, _ = drive(2, lambda w: [one("", "length")] * w.requests, memory, thinks=True)
    assert [w.settings.get("max_tokens") for w in asked] == [4096], "and is not paid for twice for ever"


def test_a_model_whose_own_limit_is_larger_is_not_asked_again() -> None:
    asked, _ = drive(2, lambda w: [one("", "length")] * w.requests, thinks=True, own_limit=64000)
    assert len(asked) == 1


@pytest.mark.parametrize("max_tokens", [20, None])
def test_a_limit_that_was_set_is_kept(max_tokens: int | None) -> None:
    asked, sample = drive(2, lambda w: [one("", "length")] * w.requests, max_tokens=max_tokens)
    assert [w.settings.get("max_tokens") for w in asked] == [max_tokens]
    assert [reply.speechless for reply in sample.drawn] == [True, True]


def test_checks_that_said_something_are_not_drawn_again() -> None:
    asked, sample = drive(2, lambda w: [one("The passage says", "max_tokens")] * w.requests)
    assert (len(asked), [reply.cut for reply in sample.drawn]) == (1, [True, True])


@pytest.mark.parametrize(
    ("texts", "tokens", "one_only"),
    [
        (["Because it says so in the text, word for word, and no other text does."] * 2, 16, True),
        (["Because it says so in the text, word for word, and no other text does."] * 2, 32, False),
        (["因为上下文明确地说明了这一点，而且没有任何其他内容与之矛盾。"] * 4, 20, True),
        (["因为上下文明确地说明了这一点，而且没有任何其他内容与之矛盾。"] * 4, 72, False),
        (["Потому что в тексте прямо сказано об этом, слово в слово."] * 2, 22, True),
        (["Потому что в тексте прямо сказано об этом, слово в слово."] * 2, 44, False),
        ([YES] * 8, 3, True),
        ([YES] * 8, 24, False),
        ([YES], 1, False),
        ([], 0, False),
        (["", ""], 0, False),
    ],
)
def test_who_counts_one_choice_of_several(texts: list[str], tokens: int, one_only: bool) -> None:
    assert one_counted(texts, tokens) == one_only


def test_an_estimate_is_marked() -> None:
    _, sample = drive(8, lambda _: [several(*["A long check, at length. " * 9] * 8, usage=Usage(10, 50))], choices=True)
    assert (sample.usage, sample.estimated) == (Usage(10, 400), True)


# What an error means


class Gone:
    text = property(lambda _: 1 / 0)
    status_code = 400


@pytest.mark.parametrize(
    ("places", "status"),
    [
        ({"status_code": 429}, 429),
        ({"code": 400}, 400),
        ({"code": "unsupported_value", "status_code": 400}, 400),
        ({"status": 404}, 404),
        ({"response": {"ResponseMetadata": {"HTTPStatusCode": 403}}}, 403),
        ({"response": {"Error": {"Code": "ThrottlingException"}}}, None),
        ({"code": True}, None),
        ({"code": 7}, None),
        ({"response": Gone()}, 400),
        ({}, None),
    ],
)
def test_where_a_status_may_lie(places: dict[str, Any], status: int | None) -> None:
    error = Exception("no")
    error.__dict__.update(places)
    assert status_of(error) == status
    assert refused(error, {"temperature"}) == frozenset()


def test_an_error_that_causes_itself_has_no_status() -> None:
    error = Exception("round and round")
    error.__cause__ = error
    assert status_of(error) is None


ALL = frozenset({"temperature", "max_tokens", "n", "system"})


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Unsupported value: 'temperature' does not support 1.0 with this model.", {"temperature"}),
        ("Client.chat() got an unexpected keyword argument 'max_tokens'", {"max_tokens"}),
        ("GenerateContentConfig: max_tokens, n Extra inputs are not permitted", {"max_tokens", "n"}),
        ("`max_tokens` must be greater than `thinking.budget_tokens`.", {"max_tokens"}),
        ("Multiple candidates is not enabled for this model", {"n"}),
        ("'n' : number must be at most 1", {"n"}),
        ("You can't, won't and shouldn't.\\n", set()),
        ("Developer instruction is not enabled for models/gemma-3-27b-it", {"system"}),
        ("System role not supported", {"system"}),
        ("Conversation roles must alternate user/assistant/user/assistant/...", {"system"}),
        ("Only user and assistant roles are supported!", {"system"}),
        ("The request is malformed.", set()),
    ],
)
def test_what_the_words_of_an_error_refuse(words: str, names: set[str]) -> None:
    assert refused(RefusedError(words), ALL) == names
    assert refused(RefusedError(words), ALL - names) == frozenset(), "only what was sent can be refused"
    assert refused(RefusedError(words, 503), ALL) == frozenset()


class Model:
    pass


def test_a_memory_lives_as_long_as_its_model() -> None:
    model, other = Model(), Model()
    memory = memory_of(model)
    memory.forgo({"n"})
    assert memory_of(model) is memory
    assert memory_of(other) is not memory
    del model, memory
    gc.collect()
    assert [memory_of(Model()).refused for _ in range(3)] == [frozenset()] * 3


def test_what_can_not_be_referred_to_has_a_memory_of_its_own() -> None:
    assert memory_of(7) is not memory_of(7)


# Several at once


async def both(calls: list[Any], concurrency: int, ends: Any) -> list[list[Any]]:
    async def awaited(call: Any) -> Any:
        return call()

    asked = [lambda call=call: awaited(call) for call in calls]
    return [gather(calls, concurrency, ends), await agather(asked, concurrency, ends)]


async def test_after_an_error_that_ends_it_none_that_waits_is_called() -> None:
    def fail() -> int:
        raise RefusedError

    for results in await both([fail] * 20, 2, lambda _: True):
        assert 1 <= len(results) <= 4
    for results in await both([fail] * 20, 2, lambda _: False):
        assert len(results) == 20


async def test_results_keep_their_order() -> None:
    for results in await both([lambda number=number: number for number in range(20)], 3, None):
        assert results == list(range(20))
