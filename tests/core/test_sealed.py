"""Pickles without keys: what is left out, what comes back where, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, PrivateAttr, SecretStr

from automix_core import ConfigError
from automix_core.sealed import seal, unseal

KEY = "sk-canary-0123456789"


class Child(BaseModel):
    api_key: str
    other: SecretStr = SecretStr(KEY + "-b")
    max_tokens: int = 3
    question_key: str = "question"
    default_headers: dict[str, str] = {}
    _client: Any = PrivateAttr(default=None)


def test_no_secret_is_in_it_and_each_comes_back_in_this_process() -> None:
    child = Child(api_key=KEY, default_headers={"Authorization": KEY + "-c", "Accept": "json"})
    child._client = {"token": KEY + "-d", "url": "http://localhost"}
    state = {"models": [child, child], "name": "question"}
    sealed = seal(state, "Cascade")
    assert KEY.encode() not in sealed
    again = unseal(sealed)
    assert again == state
    assert again["models"][0]._client == child._client
    assert seal(state, "Cascade") == sealed, "one reference a secret"


def test_another_process_gets_none() -> None:
    sealed = seal({"api_key": KEY, "model": "small", "question_key": "question"}, "Cascade")
    code = "import sys; from automix_core.sealed import unseal; print(unseal(sys.stdin.buffer.read()))"
    said = subprocess.run([sys.executable, "-c", code], input=sealed, capture_output=True, check=True).stdout.decode()
    assert said.strip() == "{'api_key': None, 'model': 'small', 'question_key': 'question'}"


def test_what_cannot_be_pickled_is_refused_with_a_word() -> None:
    with pytest.raises(ConfigError, match=r"Cascade can't be pickled \(TypeError\), .*Make it anew where it is needed"):
        seal({"client": threading.Lock()}, "Cascade")
    with pytest.raises(ConfigError, match="stands inside a longer text") as caught:
        seal({"api_key": KEY, "url": f"http://localhost/?key={KEY}"}, "Cascade")
    assert KEY not in str(caught.value)


def test_one_that_refuses_itself_keeps_its_words() -> None:
    with pytest.raises(ConfigError, match="my own words"):
        seal([Refusing()], "Cascade")


class Refusing:
    def __reduce__(self) -> str:
        raise ConfigError("my own words")


def test_circles_are_no_obstacle() -> None:
    state: dict[str, Any] = {"api_key": KEY}
    state["self"] = [state]
    again = unseal(seal(state, "Cascade"))
    assert again["self"][0] is again


@given(st.dictionaries(st.sampled_from(["api_key", "name", "access_token", "x"]), st.text() | st.integers()))
def test_any_state_comes_back(state: dict[str, Any]) -> None:
    try:
        sealed = seal(state, "Cascade")
    except ConfigError:
        return  # a key inside a longer text
    assert unseal(sealed) == state
    assert pickle.loads(pickle.dumps(state)) == state
