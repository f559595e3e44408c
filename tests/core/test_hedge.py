"""The answer that begins ahead, with nobody's framework around it: which, whether, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from automix_core import Band, Price, State, Tally, Threshold
from automix_core.decision import Accept, Decision, Draft, Finish, Verify
from automix_core.routing.breaker import Breaker, Circuit
from automix_core.routing.drivers import afinish, arun, run
from automix_core.routing.effects import Ahead, Check, Checks, Decide, Reply
from automix_core.routing.ending import Ending, ending_of
from automix_core.routing.hedge import Hedge, StreamHedge, finisher
from automix_core.routing.procedure import route
from automix_core.routing.streaming import Streamed
from automix_core.usage import Usage

DRAFT = Reply("a draft", Usage(100, 10), "draft")
ANSWER = Reply("an answer", Usage(120, 30), "answer")
PRICES = [Price(1, 1), Price(10, 10)]


def checked(models: int = 2, k: int = 4) -> State:
    """The first draft is held and not checked yet."""
    return State((True,) + (False,) * (models - 1), (Tally(),) * models, (k,) * models, 0.5)


@dataclass(frozen=True)
class Never:
    """Keeps every draft, whatever its checks say."""

    def decide(self, state: State) -> Decision:
        return Decision(Accept(0), "kept")


@dataclass(frozen=True)
class Broken:
    def decide(self, state: State) -> Decision:
        raise ValueError("sk-secret")


def test_the_finisher_is_who_answers_after_a_rejection() -> None:
    assert finisher(Threshold(0.75), checked()) == 1
    assert finisher(Band(0.2, 0.75), checked()) == 1, "below the band the draft is kept"
    assert finisher(Never(), checked()) is None
    assert finisher(Threshold(0.75), checked(models=3)) is None, "the next model would only draft"
    assert finisher(Threshold(0.75), State.start(2, 4)) is None


@dataclass
class Scene:
    """One awaited call: how its checks and its answer go."""

    verdict: Tally
    answer: Callable[[], Awaitable[Any]]
    check: Callable[[], Awaitable[Any]] = lambda: asyncio.sleep(0)
    asked: list[int] = field(default_factory=list)

    async def perform(self, effect: Any) -> Any:
        match effect:
            case Decide(state=state):
                return Threshold(0.75).decide(state)
            case Draft():
                return DRAFT
            case Check():
                await self.check()
                return Checks(self.verdict, Usage(50, 5))

    async def ask(self, model: int) -> Reply:
        self.asked.append(model)
        found: Reply = await self.answer()
        return found

    async def play(self, **settings: Any) -> tuple[Ending, Reply | None]:
        hedge: Hedge[Reply] = Hedge(Threshold(0.75), PRICES, self.ask, **settings)
        flow = route(State.start(2, 4), hedging=True)
        return await afinish(await arun(flow, self.perform, hedge=hedge), self.ask, hedge)


def told(ending: Ending) -> list[Any]:
    return [step.result for step in ending.steps if step.do == "hedge"]


async def test_an_answer_that_came_in_vain_is_billed_as_reported() -> None:
    over = asyncio.Event()

    async def answer() -> Reply:
        over.set()
        return ANSWER

    scene = Scene(Tally(correct=4), answer, check=over.wait)
    ending, reply = await scene.play()
    assert (ending.action, reply, ending.ahead) == (Accept(0), None, None)
    (dropped,) = told(ending)
    assert (dropped.usage, dropped.estimated) == (ANSWER.usage, False)
    assert dropped.seconds >= 0


async def test_an_answer_that_was_cancelled_is_billed_as_long_as_the_draft() -> None:
    ended: list[str] = []

    async def answer() -> Reply:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return ANSWER

    ending, _ = await Scene(Tally(correct=4), answer).play()
    (dropped,) = told(ending)
    assert (dropped.usage, dropped.estimated, ended) == (DRAFT.usage, True, ["cancelled"])


async def test_an_answer_that_failed_in_vain_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    failed = asyncio.Event()

    async def answer() -> Reply:
        failed.set()
        raise TimeoutError("sk-secret")

    ending, _ = await Scene(Tally(correct=4), answer, check=failed.wait).play()
    assert (ending.action, ending.errors, ending.fallback) == (Accept(0), ("TimeoutError",), False)
    assert "sk-secret" not in caplog.text
    (failure,) = told(ending)
    assert (type(failure.error), failure.left) == (TimeoutError, False)


async def test_a_client_that_does_not_let_go_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automix_core.routing.hedge.LETTING_GO", 0.01)
    free = asyncio.Event()

    async def answer() -> Reply:
        while not free.is_set():
            try:
                await free.wait()
            except asyncio.CancelledError:
                continue
        return ANSWER

    ending, _ = await Scene(Tally(correct=4), answer).play()
    assert told(ending)[0].estimated
    free.set()
    await asyncio.sleep(0)


async def test_what_is_taken_is_asked_for_once_and_timed_from_its_beginning() -> None:
    async def answer() -> Reply:
        return ANSWER

    scene = Scene(Tally(incorrect=4), answer, check=lambda: asyncio.sleep(0.05))
    ending, reply = await scene.play()
    assert scene.asked == [1]
    assert reply == ANSWER
    assert reply is not None
    assert reply.seconds is not None
    assert reply.seconds >= 0.05
    assert told(ending) == [None]


async def test_a_model_that_is_left_alone_is_not_asked_ahead() -> None:
    async def answer() -> Reply:
        return ANSWER

    circuit = Circuit(Breaker(failures=1, pause=1000))
    with pytest.raises(ValueError, match="down"), circuit.attempt():
        raise ValueError("down")
    scene = Scene(Tally(correct=4), answer, check=lambda: asyncio.sleep(0.01))
    ending, _ = await scene.play(circuits=[None, circuit])
    assert (scene.asked, told(ending)) == ([], [])


async def test_a_policy_that_fails_while_it_is_probed_fails_where_it_decides() -> None:
    async def ask(model: int) -> Reply:
        raise AssertionError

    hedge: Hedge[Reply] = Hedge(Broken(), PRICES, ask)
    assert await hedge.begin(checked(), DRAFT) is None
    await hedge.close()


@dataclass(frozen=True)
class Thrifty:
    """Knows what time is worth: `worth` USD for having the answer of either model sooner."""

    worth: float

    def decide(self, state: State) -> Decision:
        return Threshold(0.75).decide(state)

    def pays_ahead(self, model: int, price: float) -> bool:
        return self.worth > price


@pytest.mark.parametrize(
    ("worth", "draft", "prices", "begun"),
    [
        (0.00111, DRAFT, PRICES, 1),
        (0.00109, DRAFT, PRICES, None),
        (1.0, Reply("no tokens told"), PRICES, None),
        (1.0, DRAFT, [Price(1, 1), None], None),
    ],
)
async def test_time_is_bought_where_it_is_worth_its_price(
    worth: float, draft: Reply, prices: list[Price | None], begun: int | None
) -> None:
    async def ask(model: int) -> Reply:
        return ANSWER

    hedge: Hedge[Reply] = Hedge(Thrifty(worth), prices, ask)
    assert await hedge.begin(checked(), draft) == begun
    await hedge.close()


async def test_an_interruption_leaves_an_open_bill() -> None:
    async def answer() -> Reply:
        await asyncio.sleep(60)
        return ANSWER

    checking = asyncio.Event()

    async def check() -> None:
        checking.set()
        await asyncio.sleep(60)

    scene = Scene(Tally(correct=4), answer, check=check)
    task = asyncio.create_task(scene.play())
    await checking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    ending = ending_of(caught.value)
    assert ending is not None
    (left,) = told(ending)
    assert left.left


def test_a_blocking_driver_begins_nothing() -> None:
    def perform(effect: Any) -> Any:
        assert not isinstance(effect, Ahead)
        match effect:
            case Decide(state=state):
                return Threshold(0.75).decide(state)
            case Draft():
                return DRAFT
        return Checks(Tally(correct=4), Usage(1, 1))

    assert run(route(State.start(2, 4)), perform).action == Accept(0)


async def test_a_driver_that_can_not_begin_anything_says_so() -> None:
    async def answer() -> Reply:
        return ANSWER

    scene = Scene(Tally(incorrect=4), answer)
    ending = await arun(route(State.start(2, 4), hedging=True), scene.perform)
    assert (ending.action, told(ending)) == (Finish(1), [])
    seen = [step.n for step in ending.steps if step.do == "verify"]
    assert seen == [Verify(0, 4).n]


class Words:
    """A meter of words: the last says how many tokens there were."""

    def __init__(self, model: int) -> None:
        self.words: list[str] = []

    def add(self, piece: str) -> bool:
        self.words.append(piece)
        return bool(piece)

    def reply(self) -> Reply:
        return Reply(" ".join(self.words), Usage(120, len(self.words)))


@dataclass
class Source:
    """A stream of three words, which breaks after the second if it `breaks`, and waits there if it `waits`."""

    breaks: bool = False
    waits: bool = False
    closed: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, model: int) -> AsyncIterator[str]:
        return self._words()

    async def _words(self) -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.sleep(0)
            yield "two"
            if self.breaks:
                raise TimeoutError
            if self.waits:
                await asyncio.sleep(60)
            yield "three"
            self.over.set()
        finally:
            self.closed = True


async def streamed(source: Source, verdict: Tally, wait: bool = False) -> tuple[Streamed[str], list[str]]:
    hedge = StreamHedge(Threshold(0.75), PRICES, source.ask, meter=Words)
    scene = Scene(verdict, lambda: asyncio.sleep(0), check=source.over.wait if wait else lambda: asyncio.sleep(0))
    ending = await arun(route(State.start(2, 4), hedging=True), scene.perform, hedge=hedge)
    stream: Streamed[str] = Streamed(ending, Words, hedge=hedge)
    return stream, [piece async for piece in stream.apieces(source.ask)]


@pytest.mark.parametrize("wait", [True, False])
async def test_a_stream_that_began_ahead_is_read_whole(wait: bool) -> None:
    source = Source()
    stream, words = await streamed(source, Tally(incorrect=4), wait)
    assert words == ["one", "two", "three"]
    assert source.closed
    assert stream.answer is not None
    assert stream.answer.usage == Usage(120, 3)
    assert told(stream.ending) == [None]


@pytest.mark.parametrize(("wait", "usage", "estimated"), [(True, Usage(120, 3), False), (False, DRAFT.usage, True)])
async def test_a_stream_in_vain_is_billed(wait: bool, usage: Usage, estimated: bool) -> None:
    source = Source(waits=not wait)
    stream, words = await streamed(source, Tally(correct=4), wait)
    assert words == []
    assert source.closed
    (dropped,) = told(stream.ending)
    assert (dropped.usage, dropped.estimated) == (usage, estimated)


async def test_a_stream_that_breaks_ahead_is_the_callers_error_once_shown() -> None:
    with pytest.raises(TimeoutError) as caught:
        await streamed(Source(breaks=True), Tally(incorrect=4))
    assert ending_of(caught.value) is not None
