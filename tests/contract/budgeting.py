"""Checks that may see no more of a long context than what bears on the draft."""

from __future__ import annotations

from typing import Any

import pytest

from automix_core import ConfigError, Price
from tests.loopback import OpenAIServer

from .adapter import CONTEXT, DRAFT, LARGE, NO, WAYS, YES, Adapter, Way, script

FILLER = [f"Chronicle {n}: harvests, weather and the price of grain." for n in range(60)]
LONG = "\n\n".join([*FILLER[:30], CONTEXT, *FILLER[30:]])


def words(text: str) -> int:
    return len(text.split())


class Budgeting(Adapter):
    @pytest.mark.parametrize("way", WAYS)
    def test_a_check_sees_what_bears_on_the_draft(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        model = self.small_and_large(server, passage_budget=60, verifier=self.verifier(k=4, count_tokens=words))
        answer = self.get(model, way, automix_context=LONG)
        assert (answer.text, answer.route.context_truncated) == (DRAFT, True)
        (check,) = server.calls("small", verdict=True)
        case = check.messages[-1]["content"]
        assert CONTEXT in case
        assert FILLER[29] in case, "its neighbours"
        assert FILLER[0] not in case
        assert case.count("Chronicle") == 2

    @pytest.mark.parametrize("way", WAYS)
    def test_a_context_within_the_budget_is_shown_whole(self, server: OpenAIServer, way: Way) -> None:
        script(server, YES)
        answer = self.get(self.small_and_large(server, passage_budget=1000), way)
        assert (answer.text, answer.route.context_truncated) == (DRAFT, False)

    @pytest.mark.parametrize("way", WAYS)
    def test_a_function_that_checks_sees_no_more(self, server: OpenAIServer, way: Way) -> None:
        script(server)
        seen: list[str] = []

        def check(context: str, question: str, answer: str, n: int) -> list[bool | None]:
            seen.append(context)
            return [True] * n

        answer = self.get(self.small_and_large(server, passage_budget=60, verifier=check), way, automix_context=LONG)
        assert answer.route.context_truncated
        assert all(CONTEXT in context and len(context) < 300 for context in seen)

    @pytest.mark.parametrize("way", WAYS)
    def test_a_budget_below_the_draft_escalates_and_says_why(
        self, server: OpenAIServer, way: Way, caplog: pytest.LogCaptureFixture
    ) -> None:
        script(server, YES)
        verifier = self.verifier(k=4, count_tokens=words)
        answer = self.get(self.small_and_large(server, passage_budget=2, verifier=verifier), way, automix_context=LONG)
        assert (answer.text, answer.route.action, answer.route.errors) == (LARGE, "fallback", ["ConfigError"])
        assert "passage_budget is 2 tokens and a draft has 4" in caplog.text

    def test_the_money_for_checks_is_reckoned_with_it(self, server: OpenAIServer) -> None:
        script(server, NO)
        settings: dict[str, Any] = {"prices": [Price(1, 0), Price(1, 0)], "max_cost": 0.008}
        endless = "\n\n".join(FILLER * 20)
        whole = self.get(self.small_and_large(server, **settings), "ask", automix_context=endless)
        assert whole.route.errors == ["CostLimitError"]
        cut = self.get(self.small_and_large(server, passage_budget=100, **settings), "ask", automix_context=endless)
        assert cut.route.usage["verify"] != {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}

    @pytest.mark.parametrize("budget", [0, -5])
    def test_a_budget_is_a_number_of_tokens(self, server: OpenAIServer, budget: int) -> None:
        with pytest.raises(ConfigError, match="passage_budget must be a whole number of tokens"):
            self.small_and_large(server, passage_budget=budget)
