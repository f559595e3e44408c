"""What hosts and people ask of a model besides answers: parameters, profile, counting, dumps, copies."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel, GenericFakeChatModel
from langchain_core.load import dumpd, dumps, loads
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from pydantic import Field, SecretStr

from automix_core import ConfigError
from automix_core.policies.always import Always
from automix_core.policies.threshold import Band, Threshold
from langchain_automix import AutoMixChatModel, SelfVerifier, route_of
from tests.langchain.cascades import SECRET, cascade, child, script
from tests.langchain.fakes import Fake
from tests.loopback import OpenAIServer


class Profiled(GenericFakeChatModel):
    """A fake that declares what it can do."""


def profiled(**profile: Any) -> BaseChatModel:
    return Profiled(messages=iter([AIMessage("hi")]), profile=profile)


def test_the_profile_is_what_all_models_can_do() -> None:
    small = profiled(max_input_tokens=8_000, max_output_tokens=512, tool_calling=True, image_inputs=False)
    large = profiled(max_input_tokens=128_000, max_output_tokens=4_096, tool_calling=True, image_inputs=True)
    profile: Any = AutoMixChatModel(models=[small, large]).profile
    assert profile["max_input_tokens"] == 8_000
    assert profile["max_output_tokens"] == 512
    assert profile["tool_calling"] is True
    assert not profile.get("image_inputs")


def test_the_profile_claims_nothing_that_a_model_does_not_declare() -> None:
    small = GenericFakeChatModel(messages=iter([]))
    large = profiled(structured_output=True, max_input_tokens=100)
    profile: Any = AutoMixChatModel(models=[small, large]).profile or {}
    assert not profile.get("structured_output")


def test_parameters_for_tracing_name_the_cascade(server: OpenAIServer) -> None:
    params = cascade(server)._get_ls_params()
    assert params["ls_provider"] == "automix"
    assert params["ls_model_type"] == "chat"
    assert "small" in params["ls_model_name"]
    assert "large" in params["ls_model_name"]
    assert cascade(server)._llm_type.startswith("automix")
    assert all(key.startswith("automix") or key == "_type" for key in cascade(server)._identifying_params)


def test_no_attribute_poses_as_the_name_of_a_known_model(server: OpenAIServer) -> None:
    """`create_agent` guesses abilities from these names."""
    model = cascade(server)
    for name in ("model", "model_name", "model_id"):
        assert not isinstance(getattr(model, name, None), str)


def test_counting_tokens_needs_no_download(server: OpenAIServer) -> None:
    words = Profiled(messages=iter([]), custom_get_token_ids=lambda text: [0] * len(text.split()))
    model = AutoMixChatModel(models=[words, profiled()])
    assert model.get_num_tokens("one two three") == 3
    messages = [SystemMessage("be kind"), HumanMessage("one two three"), AIMessage("four"), HumanMessage("five six")]
    assert model.get_num_tokens_from_messages(messages) == 8
    trimmed = trim_messages(messages, max_tokens=4, token_counter=model, include_system=True, start_on="human")
    assert [message.text for message in trimmed] == ["be kind", "five six"]
    assert 1 <= cascade(server).get_num_tokens("one two three") <= 20, "a guess, where no counter is given"


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("policy", [None, Threshold(0.5), Band(0.1, 0.9), Always(-1)])
def test_dumps_mask_secrets_and_load_again(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, policy: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    script(server, "accept")
    model = cascade(server, policy=policy)
    text = dumps(model)
    assert SECRET not in text
    again = loads(
        text,
        allowed_objects=[AutoMixChatModel, SelfVerifier, ChatOpenAI],
        valid_namespaces=["langchain_automix", "langchain_openai"],
        secrets_from_env=True,
    )
    assert isinstance(again, AutoMixChatModel)
    assert again.policy == model.policy
    assert again.invoke("hello").text == model.invoke("hello").text
    assert again._identifying_params == model._identifying_params


def test_a_chain_dumps_with_the_model_in_it(server: OpenAIServer) -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "{question}")])
    data = dumpd(prompt | cascade(server))
    assert SECRET not in str(data)


def test_nothing_printed_shows_a_secret(server: OpenAIServer) -> None:
    model = cascade(server)
    for shown in (repr(model), str(model), str(model.model_dump()), str(model._identifying_params), model.to_json()):
        assert SECRET not in str(shown)


def test_copies_answer_alike_and_stay_apart(server: OpenAIServer) -> None:
    script(server, "accept")
    model = cascade(server)
    for other in (copy.copy(model), model.model_copy()):
        assert other is not model
        assert other.invoke("hello").text == model.invoke("hello").text
        assert other._identifying_params == model._identifying_params
    changed = model.model_copy(update={"policy": Always(-1)})
    route, kept = route_of(changed.invoke("hello")), route_of(model.invoke("hello"))
    assert (route.model, kept.model) == (1, 0)
    assert changed._identifying_params != model._identifying_params


def test_deep_copies_share_nothing(server: OpenAIServer) -> None:
    """With children that can be copied: an OpenAI client holds locks, which Python copies for no one."""
    model = AutoMixChatModel(models=[profiled(), profiled()], policy=Threshold(0.5), verifier=SelfVerifier(k=3))
    model._cascade()
    for other in (copy.deepcopy(model), model.model_copy(deep=True)):
        assert other.models[0] is not model.models[0]
        assert other._identifying_params == model._identifying_params
        other.models.append(profiled())
        assert len(model.models) == 2


def test_schemas_and_graphs_can_be_drawn(server: OpenAIServer) -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "{question}")])
    chain = prompt | cascade(server)
    assert "question" in chain.get_input_jsonschema()["properties"]
    assert chain.get_output_jsonschema()
    assert "AutoMixChatModel" in chain.get_graph().draw_mermaid()


@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
def test_the_record_is_json(server: OpenAIServer) -> None:
    import json

    script(server, "escalate")
    message = cascade(server).invoke("hello")
    record = message.response_metadata["automix"]
    assert json.loads(json.dumps(record)) == record
    route = route_of(message)
    assert route.to_dict() == record
    assert loads(dumps(message), allowed_objects="core").response_metadata["automix"] == record


def test_the_message_is_the_composites_own(server: OpenAIServer) -> None:
    script(server, "accept")
    model = cascade(server)
    message = model.invoke("hello")
    assert str(message.id).startswith("lc_run--")
    assert message.response_metadata["model_name"] == "small"
    assert message.response_metadata["finish_reason"] == "stop"
    assert "token_usage" not in message.response_metadata, "the draft's own bill is not the call's"
    assert route_of(AIMessage("plain"), None) is None


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_content_blocks_of_the_answering_child(server: OpenAIServer, version: str) -> None:
    script(server, "escalate")
    model = cascade(server, output_version=version)
    message = model.invoke("hello")
    assert [block["type"] for block in message.content_blocks] == ["text"]
    assert message.text.startswith("Largely")


def test_models_do_not_pickle_secrets_into_their_fingerprint(server: OpenAIServer) -> None:
    """Two keys for the same models are one cascade to the cache, and no key can be read from the parameters."""
    other = cascade(
        server, models=[child(server, "small", api_key="another"), child(server, "large", api_key="another")]
    )
    assert other._identifying_params == cascade(server)._identifying_params


class Keyed(Fake):
    api_key: SecretStr = SecretStr("sk-canary-0123456789")
    default_headers: dict[str, str] = Field(default={"X-Secret": "hdr-canary-0123456789"})


def test_pickles_hold_no_key_or_are_refused_with_a_word(server: OpenAIServer) -> None:
    model = AutoMixChatModel([Keyed(says="Oda."), Keyed(says="Verrin.")], verifier=SelfVerifier(model=Keyed(), k=3))
    for whole in (model, model.verifier):
        pickled = pickle.dumps(whole)
        assert b"canary" not in pickled
    again = pickle.loads(pickle.dumps(model))
    assert (again.models[1].says, again.verifier.k) == ("Verrin.", 3)
    assert again.models[0].api_key.get_secret_value().startswith("sk-canary")
    assert again.invoke("Who?", automix_context="Oda.").text in ("Oda.", "Verrin.")
    for whole in (cascade(server), SelfVerifier(model=child(server, "judge"))):
        with pytest.raises(ConfigError, match=rf"{type(whole).__name__} can't be pickled .*Make it anew"):
            pickle.dumps(whole)
