"""The standard unit tests of langchain-tests: ours passes whatever ChatOpenAI passes."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

from tests.langchain.standard import OUTSIDE, SNAPSHOT, WARNINGS, Flags, checked, running

__all__ = ["running"]  # the fixture

pytestmark = WARNINGS


class Standard(Flags, ChatModelUnitTests):
    pass


class TestUnitChatOpenAI(Standard):
    @pytest.mark.xfail(reason=SNAPSHOT, strict=True)
    def test_serdes(self, model: BaseChatModel, snapshot: Any) -> None:
        super().test_serdes(model, snapshot)


class Cascading(Standard):
    @pytest.mark.xfail(reason=OUTSIDE, strict=True)
    def test_serdes(self, model: BaseChatModel, snapshot: Any) -> None:
        super().test_serdes(model, snapshot)


class TestUnitAccept(Cascading):
    path = "accept"


class TestUnitEscalate(Cascading):
    path = "escalate"


def test_ours_passes_what_chat_openai_passes(request: pytest.FixtureRequest) -> None:
    checked(request.config, "TestUnitChatOpenAI", lambda name: name.startswith("TestUnit"))
