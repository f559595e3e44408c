"""Around a request: limits that a provider renames, clients without retries, thoughts, drift and short reprs."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from automix_core import keywords
from automix_core.audit.background import Background
from automix_core.checking.client import without_retries
from automix_core.checking.custom import case_of, is_async, waited
from automix_core.checking.query import Query
from automix_core.checking.refusal import Memory, other_limit
from automix_core.checking.sampling import Choices, Terms, Wanted, sampling
from automix_core.checking.thoughts import spoken
from automix_core.checking.token_verdict import log_odds, terms_of
from automix_core.decision import Finish
from automix_core.drift.monitor import DriftMonitor
from automix_core.errors import ConfigError, DataError
from automix_core.evidence import Token
from automix_core.outcomes.scoring import scorer
from automix_core.routing.collecting import collect, collecting, collectors
from automix_core.routing.ending import Ending
from automix_core.routing.route import settle
from automix_core.shown import chosen
from automix_core.usage import Usage


class RefusedError(Exception):
    status_code = 400


NAMES = ("max_tokens", "max_completion_tokens")
RENAMED = RefusedError("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")


def test_a_limit_that_the_provider_proposes_another_name_for_is_sent_under_that_one() -> None:
    memory, asked = Memory(), list[Wanted]()
    flow = sampling(1, Terms(limit_names=NAMES), memory)
    asked.append(next(flow))
    asked.append(flow.send([RENAMED]))
    with pytest.raises(StopIteration) as stop:
        flow.send([Choices(["Correct"], ["stop"], Usage(1, 1))])
    assert [sorted(set(wanted.settings) & set(NAMES)) for wanted in asked] == [[NAMES[0]], [NAMES[1]]]
    assert memory.limit_name == "max_completion_tokens"
    assert len(stop.value.value.drawn) == 1


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (RENAMED, "max_completion_tokens"),
        (RefusedError("max_tokens is too large"), None),
        (RefusedError("Use 'max_new_tokens' instead of 'max_tokens'."), None),
    ],
)
def test_only_a_known_name_that_is_proposed_is_taken_up(error: Exception, name: str | None) -> None:
    assert other_limit(error, "max_tokens", NAMES) == name


def test_the_words_of_an_error_may_stand_on_its_response() -> None:
    error = RefusedError("400")
    error.response = SimpleNamespace(text=str(RENAMED))  # type: ignore[attr-defined]
    assert other_limit(error, "max_tokens", NAMES) == "max_completion_tokens"


def test_one_word_is_asked_for_at_temperature_1_unless_none_is_sent() -> None:
    asked = terms_of(Terms(temperature=0.2))
    assert asked.temperature == 1.0
    assert asked.logprobs > 0
    assert isinstance(asked.max_tokens, int)
    assert terms_of(Terms(temperature=None)).temperature is None


def test_a_reply_of_signs_or_of_other_words_has_no_log_odds() -> None:
    assert log_odds([Token("...", -0.1)]) is None
    assert log_odds([]) is None
    assert log_odds([Token("Perhaps", -0.1, {"Perhaps": -0.1, "Correct": -30.0})]) is None


# --- clients


class Client:
    """A client of OpenAI's kind."""

    def __init__(self, retries: int = 2) -> None:
        self.retries = retries
        self.chat = SimpleNamespace(completions=f"completions with {retries} retries")

    def with_options(self, max_retries: int) -> Client:
        return Client(max_retries)


class Model(BaseModel):
    """A model that was built with its clients."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    root_client: Any = None
    client: Any = None
    async_client: Any = None


def test_clients_of_a_model_are_replaced_by_those_without_retries_where_it_has_fields_for_them() -> None:
    update = without_retries(Model(root_client=Client(), client="resource"))
    assert update["root_client"].retries == 0
    assert update["client"] == "completions with 0 retries"
    assert "async_client" not in update


def test_a_resource_knows_its_client_and_a_client_may_stand_alone() -> None:
    update = without_retries(Model(client=SimpleNamespace(_client=Client()), async_client=Client()))
    assert set(update) == {"client", "async_client"}
    assert update["client"] == "completions with 0 retries"
    assert update["async_client"].retries == 0


def test_a_model_that_completes_texts_goes_on_to_complete_them() -> None:
    class Completions:
        def __init__(self, client: Any) -> None:
            self._client = client

    class Completing(Client):
        def __init__(self, retries: int = 3) -> None:
            super().__init__(retries)
            self.completions = Completions(self)

        def with_options(self, max_retries: int) -> Completing:
            return Completing(max_retries)

    update = without_retries(Model(client=Completing().completions))
    assert isinstance(update["client"], Completions)
    assert update["client"]._client.retries == 0


def test_a_model_without_clients_is_left_as_it_is() -> None:
    assert without_retries(Model()) == {}
    assert without_retries(object()) == {}


# --- verifiers of one's own


def test_a_verifier_that_takes_one_dict_is_told_how_many_verdicts_are_wanted() -> None:
    assert case_of(Query("q", ("c",)), "a", 3)["n"] == 3


async def test_an_async_verifier_can_be_waited_for_while_a_loop_runs() -> None:
    async def verify() -> float:
        await asyncio.sleep(0)
        return 0.75

    class Verifier:
        async def __call__(self) -> float:
            return 0.5

    assert [is_async(function) for function in (verify, Verifier(), len)] == [True, True, False]
    assert waited(verify()) == 0.75


# --- thoughts, drift, reprs


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (["It is ", "Paris."], None),
        (["<think>Hm.</think>", "Paris."], ["", "Paris."]),
        (["<think>Hm", "m.", "</think>Paris."], ["Paris.", "", ""]),
    ],
)
def test_the_parts_of_a_message_without_its_thoughts(parts: list[str], found: list[str] | None) -> None:
    assert spoken(parts) == found


def test_routes_without_evidence_or_confidence_are_passed_over_by_a_monitor() -> None:
    told = settle(Ending(Finish(1), "", models=2, evidence=0.4), Query("q"), policy="p", names=("a", "b"))
    untold = settle(Ending(Finish(1), "", models=2), Query("q"), policy="p", names=("a", "b"))
    twice, once = DriftMonitor(seed=0), DriftMonitor(seed=0)
    for value in (0.4, 0.4, 0.4):
        once.observe(value)
    twice.observe_all([told, untold, told, untold, told])
    assert twice.wealth == once.wealth
    assert once.wealth != DriftMonitor(seed=0).wealth


def test_a_short_repr_names_models_and_functions() -> None:
    class Judge(BaseModel):
        model: Any = None
        models: list[Any] = []
        score: Any = None

    shown = chosen(Judge(models=[1, 2], score=scorer), lambda model: f"m{model}")
    assert repr(shown) == "[('models', [m1, m2]), ('score', scorer)]"
    assert repr(chosen(Judge(model=3), lambda model: f"m{model}")) == "[('model', m3)]"


def test_a_warning_that_nobody_outside_caused_is_given_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keywords, "_caller", lambda: None)
    with pytest.warns(UserWarning, match="a slip"):
        keywords.warn_caller("a slip")
    with warnings.catch_warnings(record=True) as none:
        warnings.simplefilter("always")
    assert none == []


def test_routes_go_to_the_blocks_that_they_were_begun_for() -> None:
    outer: list[Any] = []
    with collecting((outer,)):
        into = collectors()
        assert into == (outer,)
    assert collectors() != (outer,)
    collect("route", into)  # type: ignore[arg-type]
    assert outer == ["route"]


def test_an_audit_for_which_no_thread_can_begin_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    background = Background()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert not background.offer(lambda: 1.0)
    assert (background.counts.dropped, background.flush(1)) == (1, True)
    assert background.offer(lambda: 1.0)
    assert background.flush(10)


def test_a_process_that_forked_begins_with_no_work_and_closing_says_nothing_of_what_is_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    background = Background()
    assert background.offer(lambda: 2.0)
    assert background.flush(10)
    background._pid -= 1
    assert background.offer(lambda: 0.5)
    assert background.flush(10)
    assert (background.counts.done, background.counts.cost) == (1, 0.5)
    with caplog.at_level(logging.WARNING, "automix"):
        assert background.close(1)
    assert caplog.text == ""
    assert not background.offer(lambda: 1.0)


def test_a_scorer_that_can_not_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="is an async function; it must be a plain one"):
        scorer("asyncio:sleep")
    with pytest.raises(DataError, match=r"The scorer math:sqrt raised TypeError: .*[^.]\.$"):
        scorer("math:sqrt")("a", ["b"])
