"""The bottom line of a demo: the same sentence as after fitting, or why it can't be said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from automix_cli.demo.advice import ENOUGH, advice
from automix_cli.demo.closing import close
from automix_cli.demo.events import Asked
from automix_cli.demo.report import document
from automix_core.policies import Always
from tests.cli.demos import BAD, NAMES, SUPPER, answered, provider
from tests.loopback import OpenAIServer, Reply

PRICES = (1.0, 50.0)


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


def test_a_few_questions_show_nothing_and_say_how_many_would(server: OpenAIServer) -> None:
    one = answered(server)
    found = advice([one] * 8, NAMES, PRICES)
    assert (found.advice, found.more) == ("not shown", ENOUGH - 8)
    assert found.sentence == "Not shown yet: 8 questions can't show it. About 22 more questions could."
    assert advice([one], NAMES, PRICES).sentence.startswith("Not shown yet: 1 question can't")


def test_enough_questions_get_the_sentence_of_fit_and_evaluate(server: OpenAIServer) -> None:
    kept = answered(server)
    server.verdicts(BAD)
    rejected = answered(server)
    dear = advice([rejected] * ENOUGH, NAMES, PRICES)
    assert (dear.advice, dear.sentence.split(":")[0]) == ("don't", "Don't")
    # the small model is right and cheaper each time: then it alone is the thing to use
    alone = advice([kept] * ENOUGH, NAMES, PRICES)
    assert alone.sentence.startswith("Don't: small alone is as good and costs")
    wrong = [replace(one, alone=[answered_wrong(server), one.alone[-1]]) for one in [kept] * ENOUGH]
    used = advice(wrong, NAMES, (1.0, 5000.0))
    assert used.advice == "use", used.sentence
    assert used.sentence.startswith("Use it: ")
    assert "cheaper than always large" in used.sentence
    assert f"on {ENOUGH} questions" in used.sentence


def answered_wrong(server: OpenAIServer) -> Asked | None:
    """The small model alone, wrong about the supper."""
    server.say("small", "At 18:50.")
    return answered(server, policy=Always(0)).alone[0]


def test_what_can_t_be_judged_or_priced_is_said(server: OpenAIServer) -> None:
    unknown = answered(server, replace(SUPPER, answers=()))
    assert advice([unknown] * 40, NAMES, PRICES).sentence == "Not shown: nobody said what the right answers are."
    server.say("small", Reply("At 18:45.", usage=False))
    assert "tokens were not reported" in advice([answered(server)], NAMES, PRICES).sentence
    server.fail("small", Reply(status=400))
    assert "failed alone" in advice([answered(server)], NAMES, PRICES).sentence


def test_it_comes_first_for_people_and_for_programs(server: OpenAIServer) -> None:
    one, printed = answered(server), StringIO()
    close(Console(width=90, file=printed), NAMES, [one], PRICES)
    lines = [line.strip() for line in printed.getvalue().splitlines() if line.strip()]
    assert lines[1] == advice([one], NAMES, PRICES).sentence
    assert lines[2] == "1 question: 1 accepted."
    read = json.loads(json.dumps(document(NAMES, [one])))
    assert next(iter(read)) == "bottom_line"
    assert read["bottom_line"]["sentence"] == lines[1]
    assert document(NAMES, [])["bottom_line"] is None
