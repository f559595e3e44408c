"""The standard integration tests of langchain-tests: ours passes whatever ChatOpenAI passes, kept or escalated."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.langchain.standard import ONE_START, WARNINGS, Flags, checked, running

__all__ = ["running"]  # the fixture

pytestmark = WARNINGS

Form = Literal["pydantic", "typeddict", "json_schema"]


class Standard(Flags, ChatModelIntegrationTests):
    pass


class Cascading(Standard):
    """With default settings."""

    @pytest.mark.xfail(reason=ONE_START, strict=True)
    @pytest.mark.parametrize("schema_type", ["pydantic", "typeddict", "json_schema"])
    def test_structured_output(self, model: BaseChatModel, schema_type: Form) -> None:
        super().test_structured_output(model, schema_type)

    @pytest.mark.xfail(reason=ONE_START, strict=True)
    @pytest.mark.parametrize("schema_type", ["pydantic", "typeddict", "json_schema"])
    async def test_structured_output_async(self, model: BaseChatModel, schema_type: Form) -> None:
        await super().test_structured_output_async(model, schema_type)


class TestChatOpenAI(Standard):
    pass


class TestAccept(Cascading):
    path = "accept"


class TestEscalate(Cascading):
    path = "escalate"


class LargeStructures(Standard):
    settings: dict[str, Any] = {"structured_output": "large"}  # noqa: RUF012 - never changed


class TestLargeStructuresAccept(LargeStructures):
    path = "accept"


class TestLargeStructuresEscalate(LargeStructures):
    path = "escalate"


def test_ours_passes_what_chat_openai_passes(request: pytest.FixtureRequest) -> None:
    checked(request.config, "TestChatOpenAI", lambda name: not name.startswith("TestUnit"))
