"""Windows, pickles and dumps; what reaches the children, and what must never be shown."""

from __future__ import annotations

import json
import logging
import pickle
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager
from llama_index.core.indices.prompt_helper import PromptHelper
from llama_index.core.llms import MockLLM
from llama_index.core.prompts import PromptTemplate
from llama_index.llms.openai_like import OpenAILike

from automix_core import Band, ConfigError, Price
from automix_core.checking.prompt import Shot
from llamaindex_automix import AutoMixLLM, SelfVerifier, TokenVerifier, collect_routes
from tests.cases import block
from tests.llamaindex.engines import DRAFT, KEY, PASSAGES, QUESTION, VERDICTS, cascade, child, index, script
from tests.loopback import OpenAIServer


def always_true(context: str, question: str, answer: str, n: int) -> list[bool | None]:
    return [True] * n


def sized(size: int = 3900, longest: int | None = None) -> OpenAILike:
    """A model that tells its window and how long it answers; nobody asks it anything."""
    return OpenAILike(model="sized", api_key="none", context_window=size, max_tokens=longest)


def window(*sizes: int, **settings: Any) -> int:
    return AutoMixLLM(models=[sized(size) for size in sizes], **settings).metadata.context_window


def test_the_window_leaves_room_for_the_check() -> None:
    verifier = SelfVerifier()
    assert verifier.overhead > 500
    assert window(4000, 4000) == 4000 - verifier.overhead
    assert window(4000, 128_000) == 4000 - verifier.overhead
    assert window(128_000, 4000, verifier=always_true) == 4000
    assert window(8000, 8000, verifier=SelfVerifier(context_window=4000)) == 4000 - verifier.overhead
    assert window(8000, 8000, verifier=SelfVerifier(shots=[], max_tokens=20)) > 7700
    assert window(8000, 8000, context_window=1234) == 1234


def test_a_small_window_and_long_answers_of_another_model_go_together() -> None:
    """LlamaIndex takes the longest answer off the window; the small model's prompt must not pay for it."""
    small, large = sized(8192, 256), sized(1_000_000, 65_536)
    metadata = AutoMixLLM(models=[small, large], verifier=always_true).metadata
    assert metadata.num_output == 65_536
    assert metadata.context_window - metadata.num_output == 8192 - 256
    helper = PromptHelper.from_llm_metadata(metadata)
    assert helper._get_available_context_size(0) == 8192 - 256


def test_a_window_too_small_for_both_is_left_to_the_answer() -> None:
    assert window(1200, 1200) == 1200


def test_the_longest_answer_is_planned_for() -> None:
    for lengths, planned in [((100, None), 256), ((None, None), -1), ((100, 900), 900)]:
        assert AutoMixLLM(models=[sized(longest=length) for length in lengths]).metadata.num_output == planned


@pytest.mark.parametrize("size", [1300, 2600, 4000])
def test_no_check_overflows_and_only_contexts_are_cut(server: OpenAIServer, size: int) -> None:
    """The server counts words, and so do we: the window is exactly as large as it says."""
    script(server, "accept")
    verifier = SelfVerifier(k=1, count_tokens=lambda text: len(text.split()), context_window=size)
    models = [child(server, name, context_window=size) for name in ("small", "large")]
    engine = index(*PASSAGES, big=2 * size).as_query_engine(llm=cascade(server, models=models, verifier=verifier))
    with collect_routes() as routes:
        engine.query(QUESTION)
    assert len(routes) > 1
    for check in server.calls(verdict=True):
        assert check.input_tokens + 256 <= size
        assert block(check.text, "question") == QUESTION


def test_a_model_comes_back_from_a_pickle_as_it_was(server: OpenAIServer) -> None:
    script(server, "accept")
    shots = [Shot("c", "q", "a", "Because.\nVerdict: Correct"), Shot("c", "q", "b", "No.\nVerdict: Incorrect")]
    model = cascade(
        server,
        verifier=SelfVerifier(k=3, shots=shots, temperature=0.5),
        policy=Band(0.1, 0.9),
        prices=[Price(1, 2), None],
        without_context="prompt",
        auxiliary="small",
        should_verify=is_short,
    )
    model.complete(QUESTION, automix_context="x")  # clients exist by now
    pickled = [pickle.dumps(whole) for whole in (model, model.verifier, SelfVerifier(model=child(server, "judge")))]
    assert all(KEY.encode() not in data for data in pickled), "the key's place is in memory"
    again = pickle.loads(pickled[0])
    for name in ("policy", "prices", "without_context", "auxiliary", "should_verify", "verify_concurrency"):
        assert getattr(again, name) == getattr(model, name)
    assert (again.verifier.k, again.verifier.shots, again.verifier.temperature) == (3, shots, 0.5)
    assert [model.model for model in again.models] == ["small", "large"]
    assert [model.api_key for model in again.models] == [KEY, KEY]
    assert str(again.complete(QUESTION, automix_context="x")) == DRAFT


def is_short(query: Any) -> bool:
    return len(query.question) < 1000


def test_what_cannot_be_pickled_is_not_left_out() -> None:
    """LlamaIndex would drop the function, and the copy would check otherwise."""
    model = AutoMixLLM(models=[MockLLM(), MockLLM()], verifier=lambda *_: [True])
    with pytest.raises(ConfigError, match="verifier"):
        pickle.dumps(model)


def test_no_key_is_ever_shown(server: OpenAIServer, caplog: pytest.LogCaptureFixture) -> None:
    script(server, "accept")
    verifier = SelfVerifier(k=1, model=child(server, "judge", default_headers={"Authorization": KEY}))
    model = cascade(server, verifier=verifier, policy=Band(0.2, 0.8))
    with caplog.at_level(logging.DEBUG, "automix"), collect_routes() as routes:
        model.complete(QUESTION, automix_context="x")
    shown = [repr(model), str(model), model.to_json(), repr(verifier), str(verifier.to_dict()), caplog.text]
    shown += [str(routes), str(model.metadata), model.model_dump_json(), str(model.as_structured_llm(Shape).to_dict())]
    assert all(KEY not in text for text in shown)
    assert json.loads(model.to_json())["models"][0]["model_name"] == "small"
    assert "OpenAILike('small')" in repr(model)


class Shape(SelfVerifier):
    """Any class will do."""


def test_a_dump_is_read_back_with_the_parts_it_cannot_hold(server: OpenAIServer) -> None:
    models = [child(server, "small"), child(server, "large")]
    model = AutoMixLLM(models=models, auxiliary="small", prices=[Price(1, 2), Price(3, 4)])
    with pytest.raises(ConfigError, match=r"models=\.\.\."):
        AutoMixLLM.from_dict(model.to_dict())
    again = AutoMixLLM.from_dict(model.to_dict(), models=models)
    assert (again.auxiliary, again.prices) == ("small", model.prices)
    other = AutoMixLLM(models=models, policy=Band(0.2, 0.8))
    with pytest.raises(ConfigError, match=r"policy=\.\.\."):
        AutoMixLLM.from_dict(other.to_dict(), models=models)


def test_a_callback_manager_reaches_the_children_whenever_it_is_set(server: OpenAIServer) -> None:
    judge = child(server, "judge")
    before, after = CallbackManager(), CallbackManager()
    model = cascade(server, callback_manager=before, verifier=SelfVerifier(model=judge))
    assert [m.callback_manager for m in (*model.models, judge)] == [before] * 3
    model.callback_manager = after
    assert [m.callback_manager for m in (*model.models, judge)] == [after] * 3
    own = child(server, "small", callback_manager=before)
    AutoMixLLM(models=[own, child(server, "large")])
    assert own.callback_manager is before, "a child keeps its own where none was given"


def test_system_prompts_of_the_cascade_and_of_its_children(server: OpenAIServer) -> None:
    script(server, "escalate")
    models = [child(server, "small", system_prompt="You are small."), child(server, "large")]
    model = cascade(server, models=models, system_prompt="Be kind.", k=1)
    model.predict(PromptTemplate("{context_str} {query_str}"), context_str="x", query_str=QUESTION)
    small, large = (server.calls(name, verdict=False)[0].messages for name in ("small", "large"))
    assert [message["content"] for message in small] == ["Be kind.", "You are small.", f"x {QUESTION}"]
    assert [message["content"] for message in large] == ["Be kind.", f"x {QUESTION}"]


def test_parts_may_be_exchanged(server: OpenAIServer) -> None:
    script(server, "accept")
    model = cascade(server)
    assert str(model.complete(QUESTION, automix_context="x")) == DRAFT
    model.policy = Band(1.0, 1.0)
    server.verdicts(VERDICTS["escalate"])
    assert str(model.complete(QUESTION, automix_context="x")) == DRAFT
    copied = model.model_copy(update={"models": [*reversed(model.models)]})
    assert copied.metadata.model_name == "automix(large->small)"


def test_the_two_verifiers_are_told_apart_where_they_are_written_down() -> None:
    names = [verifier.to_dict()["class_name"] for verifier in (SelfVerifier(), TokenVerifier())]
    assert names == ["automix_self_verifier", "automix_token_verifier"]
