"""The two ledgers and the JSON document: what was measured is what was billed, and prices are only multiplied."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from automix_cli.demo.closing import close
from automix_cli.demo.corpus import Question, questions
from automix_cli.demo.grading import right
from automix_cli.demo.measured import measured
from automix_cli.demo.outlook import on_price, on_quality, on_time
from automix_cli.demo.priced import check, priced
from automix_cli.demo.report import document
from automix_core.errors import ConfigError, ModelError
from tests.cli.demos import BAD, GOOD, NAMES, SUPPER, answered, provider
from tests.loopback import OpenAIServer, Quirks, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


class TestMeasured:
    """Calls, tokens and seconds."""

    def test_tokens_are_what_the_server_billed(self, server: OpenAIServer) -> None:
        server.verdicts(BAD)
        totals = measured([answered(server), answered(server)], 2)
        assert totals["actions"] == {"escalate": 2}
        for model, (name, way) in enumerate(zip(NAMES, ("always_small", "always_large"), strict=True)):
            together = [totals["tokens"]["by_model"][model], totals[way]["tokens"]]
            whole = tuple(sum(t[f"{kind}_tokens"] for t in together) for kind in ("input", "output"))
            assert whole == server.tokens(name)
        steps = totals["tokens"]["by_step"].values()
        assert sum(step["total_tokens"] for step in steps) == totals["tokens"]["total"]["total_tokens"]
        assert totals["tokens"]["estimated"] is False

    def test_calls_are_the_requests_that_arrived(self, server: OpenAIServer) -> None:
        server.verdicts(BAD)
        server.quirks["small"] = Quirks(max_choices=1)
        totals = measured([answered(server)], 2)
        assert totals["calls"]["by_step"] == {"draft": 1, "verify": 8, "answer": 1}
        assert totals["calls"]["by_model"] == [9, 1]
        assert totals["calls"]["total"] + totals["always_small"]["calls"] + totals["always_large"]["calls"] == len(
            server.requests
        )

    def test_each_model_alone_really_runs_on_the_same_prompt(self, server: OpenAIServer) -> None:
        one = answered(server)
        assert [run and run.answer for run in one.alone] == ["At 18:45.", "Supper is served at 18:45."]
        assert [run and run.route.action for run in one.alone] == ["direct", "direct"]
        draft, own = server.calls("small", verdict=False)
        assert draft.messages == own.messages == server.calls("large")[0].messages

    def test_tokens_nobody_reported_are_unknown_not_zero(self, server: OpenAIServer) -> None:
        server.say("small", Reply("At 18:45.", usage=False))
        totals = measured([answered(server)], 2)
        assert totals["tokens"]["by_step"]["draft"] is None
        assert totals["tokens"]["total"] is None
        assert totals["tokens"]["by_step"]["verify"]["input_tokens"] > 0
        bill = priced(totals, (1, 50))
        assert bill["cascade"]["total"] is bill["saved"] is bill["break_even_ratio"] is None
        assert "can't be priced" in on_price(bill, NAMES)

    def test_seconds_add_up(self, server: OpenAIServer) -> None:
        server.verdicts(BAD)
        seconds = measured([answered(server)], 2)["seconds"]
        assert sum(seconds["by_step"].values()) == pytest.approx(seconds["total"])
        assert sum(seconds["by_model"]) == pytest.approx(seconds["total"])
        assert all(value > 0 for value in seconds["by_step"].values())

    def test_a_model_that_fails_alone_is_said_and_not_counted(self, server: OpenAIServer) -> None:
        server.fail("small", Reply(status=400))
        totals = measured([answered(server)], 2)
        assert totals["actions"] == {"fallback": 1}
        assert (totals["always_small"]["questions"], totals["always_small"]["failed"]) == (0, 1)
        assert totals["always_small"]["right"] is None
        assert priced(totals, (1, 50))["always_small"]["total"] is None

    def test_the_last_model_s_error_is_one_sentence(self, server: OpenAIServer) -> None:
        server.fail(None, Reply(status=400, error="your key sk-123 has no credit"))
        with pytest.raises(ModelError, match=r"^large failed and no larger model .*status 400") as caught:
            answered(server)
        assert "sk-123" not in str(caught.value)

    def test_a_run_of_no_questions_has_no_means(self) -> None:
        totals = measured([], 2)
        assert totals["seconds"]["per_question"] is None
        assert totals["always_large"]["seconds_per_question"] is None
        assert totals["right"]["of"] == 0
        assert totals["right"]["cascade"] is totals["right"]["always_small"] is totals["right"]["always_large"] is None


class TestRight:
    """Right is who names the expected fact."""

    @pytest.mark.parametrize(
        ("number", "answer", "expected"),
        [
            (0, "Supper is served at 18:45 in the long kitchen.", True),
            (0, "At 18:50.", False),
            (0, "The passages do not say.", False),
            (1, "It takes 75 minutes.", True),
            (1, "It takes 750 minutes.", False),
            (2, "38.", True),
            (2, "They may use 380 litres.", False),
            (6, "The passages do not say.", True),
            (6, "The password is tern.", False),
        ],
    )
    def test_of_the_handbook(self, number: int, answer: str, expected: bool) -> None:
        assert right(questions()[number], answer) is expected

    def test_nobody_knows_about_own_questions(self) -> None:
        assert right(Question("q1", "Who?"), "Nobody.") is None

    def test_counts(self, server: OpenAIServer) -> None:
        server.say("small", "At noon.")
        totals = measured([answered(server)], 2)
        assert on_quality(totals, NAMES) == (
            "Right answers of 1: small alone 0, AutoMix 0, large alone 1. "
            "The checks let 1 wrong draft pass and sent no right ones on."
        )
        server.say("small", "At 18:45.")
        server.verdicts(BAD)
        right = measured([answered(server)], 2)["right"]
        assert right == {
            "cascade": 1,
            "always_small": 1,
            "always_large": 1,
            "of": 1,
            "wrong_kept": 0,
            "right_escalated": 1,
        }


def ledger(small: int, large: int, alone: int) -> dict[str, Any]:
    """A measured ledger of so many tokens: the small and the large model's in the cascade, the large one's alone."""

    def tokens(count: int) -> dict[str, int]:
        return {"input_tokens": count, "output_tokens": 0, "total_tokens": count}

    return {
        "tokens": {"by_model": [tokens(small), tokens(large)], "estimated": False},
        "always_small": {"tokens": tokens(10), "failed": 0},
        "always_large": {"tokens": tokens(alone), "failed": 0},
    }


class TestPriced:
    """Example prices on measured tokens."""

    @pytest.mark.parametrize(("small", "large", "alone"), [(4000, 100, 400), (7, 0, 3), (12_345, 678, 910)])
    def test_at_the_break_even_ratio_both_cost_the_same(self, small: int, large: int, alone: int) -> None:
        ratio = priced(ledger(small, large, alone), (1, 50))["break_even_ratio"]
        assert ratio == float(Fraction(small, alone - large))
        bill = priced(ledger(small, large, alone), (1, ratio))
        assert bill["cascade"]["total"] == pytest.approx(bill["always_large"]["total"], rel=1e-12)
        assert priced(ledger(small, large, alone), (1, ratio * 1.01))["saved"] > 0
        assert priced(ledger(small, large, alone), (1, ratio * 0.99))["saved"] < 0

    @pytest.mark.parametrize("large", [400, 500])
    def test_where_nothing_is_spared_it_never_breaks_even(self, large: int) -> None:
        bill = priced(ledger(4000, large, 400), (1, 50))
        assert bill["break_even_ratio"] is None
        assert bill["saved"] < 0
        assert "saves at no price" in on_price(bill, NAMES)

    def test_prices_are_examples_and_say_so(self) -> None:
        bill = priced(ledger(4000, 100, 400), (1, 50))
        assert bill["prices"] == "example"
        assert (bill["small"], bill["large"], bill["ratio"]) == (1, 50, 50)
        assert bill["cascade"]["total"] == pytest.approx(0.009)
        assert bill["always_large"]["total"] == pytest.approx(0.02)
        assert on_price(bill, NAMES) == (
            "At these prices AutoMix costs 55 % less than large alone; on this run it pays where a token of large "
            "costs more than 13.3 of small's."
        )

    def test_a_free_small_model_has_no_ratio(self) -> None:
        assert priced(ledger(4000, 100, 400), (0, 50))["ratio"] is None

    @pytest.mark.parametrize("wrong", [(-1, 50), (1, float("inf"))])
    def test_what_is_no_price_is_refused(self, wrong: tuple[float, float]) -> None:
        with pytest.raises(ConfigError, match="Price"):
            check(wrong)


@pytest.mark.parametrize(
    ("cascade", "alone", "words"),
    [((2.0, 4.0, 1.0), 2.0, "loses time here: 7.0 s"), ((0.5, 0.5, 0.0), 4.0, "saves time here: 1.0 s")],
)
def test_whether_time_was_lost_is_said_from_what_was_measured(
    cascade: tuple[float, float, float], alone: float, words: str
) -> None:
    draft, verify, answer = cascade
    said = on_time(
        {
            "questions": 1,
            "seconds": {
                "per_question": sum(cascade),
                "by_step": {"draft": draft, "verify": verify, "answer": answer},
            },
            "always_large": {"seconds_per_question": alone, "failed": 0},
        },
        NAMES,
    )
    assert words in said
    assert f"took {draft + verify:.1f} s of it, and spared {alone - answer:.1f} s" in said


def test_without_the_large_model_nothing_is_said_about_time(server: OpenAIServer) -> None:
    assert "can't tell" in on_time(measured([], 2), NAMES)
    server.fail("large", Reply(status=400))
    said = on_time(measured([answered(server)], 2), NAMES)
    assert said == "large alone failed on 1 of 1, so this run can't tell which is faster."


def test_where_the_large_model_is_free_nothing_can_be_saved(server: OpenAIServer) -> None:
    said = on_price(priced(measured([answered(server)], 2), (1, 0)), NAMES)
    assert said == "At these prices large alone costs nothing, so there is nothing to save."


def test_the_document_is_json_and_complete(server: OpenAIServer) -> None:
    done = answered(server)
    read = json.loads(json.dumps(document(NAMES, [done]), allow_nan=False))
    assert read["models"] == [{"model": 0, "name": "small"}, {"model": 1, "name": "large"}]
    assert (read["policy"], read["interrupted"], read["compare"]) == ("Threshold(0.75)", False, None)
    (record,) = read["questions"]
    assert record["id"] == SUPPER.id == "supper"
    assert record["passages"][0]["title"] == "Meals"
    assert record["passages"][0]["words"] == ["served", "supper"]
    assert record["drafts"] == [{"model": 0, "text": "At 18:45."}]
    assert record["checks"] == [{"model": 0, "verdicts": [1] * 8, "texts": [GOOD] * 8}]
    assert [decision["action"] for decision in record["decisions"]] == ["draft 0", "verify 0, 8 more", "accept 0"]
    assert record["decisions"][-1]["values"] == {"confidence": 1.0, "threshold": 0.75}
    assert (record["answer"], record["right"], record["answers"]) == ("At 18:45.", True, ["18:45"])
    assert record["route"] == done.asked.route.to_dict()
    assert [(run["model"], run["right"]) for run in record["alone"]] == [(0, True), (1, True)]
    assert read["measured"]["actions"] == {"accept": 1}
    assert read["priced"]["prices"] == "example"


@pytest.mark.parametrize("columns", [58, 80])
def test_the_ledger_s_rows_keep_to_one_line(server: OpenAIServer, columns: int) -> None:
    printed = StringIO()
    close(
        Console(width=columns, file=printed),
        ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"],
        [answered(server)],
        (1.0, 50.0),
    )
    said = printed.getvalue()
    assert len(re.findall(r"^    (?:drafts|checks), small +\d.*$", said, re.MULTILINE)) == 2
    assert ("a question" in said.split("Priced")[0]) is (columns == 80)
