"""What a person sees: piped, in a terminal, narrow and wide, with and without Unicode."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from automix_cli.demo.closing import close
from automix_cli.demo.compare import compared
from automix_cli.demo.corpus import Question
from automix_cli.demo.run import console
from automix_cli.demo.view import View
from automix_core.decision import Accept, Decision, Draft, Finish, Policy, State, Verify
from automix_core.policies import Always, Threshold
from tests.cli.demos import BAD, GOOD, NAMES, SUPPER, provider, session
from tests.loopback import OpenAIServer, Quirks, Reply


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with provider() as running:
        yield running


def shown(
    server: OpenAIServer,
    question: Question = SUPPER,
    policy: Policy | None = None,
    compare: bool = False,
    **settings: Any,
) -> str:
    """One question and the closing, as text."""
    file = settings.pop("file", None) or io.StringIO()
    whole: dict[str, Any] = {"file": file, "width": 80, "highlight": False, **settings}
    with View(Console(**whole), NAMES) as view:
        view.opening(33, 1)
        view.ask(1, 1, question)
        done = session(server, policy).ask(question, view.show, view.alone)
        view.done(done)
    replayed = compared([done], NAMES, (1, 50), {"default": Threshold(), "fitted": Always(1)}) if compare else None
    close(view.console, NAMES, [done], (1, 50), replayed)
    file.flush()
    return file.getvalue() if isinstance(file, io.StringIO) else file.buffer.getvalue().decode("ascii")


def squeezed(text: str) -> str:
    """The text with one space between words."""
    return " ".join(text.split())


def test_a_kept_draft_piped(server: OpenAIServer) -> None:
    text = shown(server)
    assert "\x1b" not in text
    for part in (
        "1/1 At what time is supper served? (easy)",
        "found Meals: Breakfast stands ready",
        "draft At 18:45. small, ",
        "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ 8 of 8 say correct: confidence 1.00",
        "policy ━━━━━━━━━━━━━━━━━━┃━━━━━━ keeps from 0.75 on",
        "decision Kept: 8 of 8 readable verdicts say correct",
        "answer At 18:45. the draft, kept",
        "expected 18:45 right",
        "route accept ",
        "alone small: At 18:45. right",
        "large: Supper is served at 18:45. right",
        "1 question: 1 accepted.",
        "Measured what the models did on this run",
        "Priced the same tokens at example prices, 1 and 50 USD per million (1 : 50)",
        " time here: ",  # lost or saved: the clock of a busy machine decides
        "on this run it pays where",
    ):
        assert part in squeezed(text), part


def test_no_color_is_plain_even_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert console().is_terminal
    monkeypatch.setenv("NO_COLOR", "1")
    assert not console().is_terminal


def test_an_escalation_piped(server: OpenAIServer) -> None:
    server.verdicts(BAD, "No idea.")
    text = squeezed(shown(server))
    assert "0 of 4 say correct: confidence 0.00" in text
    assert "answer Supper is served at 18:45. large" in text
    assert text.count("Supper is served at") == 2
    assert "route escalate " in text


def test_nothing_readable_is_no_confidence(server: OpenAIServer) -> None:
    server.verdicts("Hm.")
    text = shown(server)
    assert "8 unreadable: no confidence" in text
    assert "no verdict could be read" in text


def test_a_failure_is_shown(server: OpenAIServer) -> None:
    server.fail("small", Reply(status=400))
    text = squeezed(shown(server))
    assert "route fallback " in text
    assert re.search(r"error \w+Error", text)
    assert "answer Supper is served at 18:45. large" in text
    assert "alone small: failed" in text


def test_estimated_tokens_are_called_so(server: OpenAIServer) -> None:
    server.verdicts("The passage says so in very many long words indeed.\nVerdict: Correct")
    server.quirks["small"] = Quirks(usage_of_one_choice=True)
    assert "are estimated" in shown(server)


def test_tokens_nobody_reported_are_called_unknown(server: OpenAIServer) -> None:
    server.say("small", Reply("At 18:45.", usage=False))
    text = squeezed(shown(server))
    assert "tokens unknown" in text
    assert "can't be priced" in text


@pytest.mark.parametrize("choices", [8, 1])
def test_a_terminal_gets_colours_live_verdicts_and_the_same_words(server: OpenAIServer, choices: int) -> None:
    server.verdicts(BAD)
    server.quirks["small"] = Quirks(max_choices=choices)
    text = shown(server, force_terminal=True, color_system="truecolor")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "\x1b[" in text
    assert "small drafts an answer" in plain
    assert "large answers alone" in plain
    lines = [line.strip() for line in plain.replace("\r", "\n").splitlines()]
    marks = [
        line.removeprefix("verdicts").split() for line in lines if line.startswith("verdicts") and "of" not in line
    ]
    assert ["✗"] in marks
    assert ["✗"] * 8 in marks
    assert "\x1b[4m18\x1b[0m" in text, "words of the passages are underlined in the answer"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_console(server: OpenAIServer, width: int) -> None:
    server.verdicts(BAD)
    assert max(len(line) for line in shown(server, width=width, compare=True).splitlines()) <= width


def test_a_console_without_unicode_gets_plain_marks(server: OpenAIServer) -> None:
    server.verdicts(BAD, GOOD)
    text = shown(server, file=io.TextIOWrapper(io.BytesIO(), "ascii", errors="replace"))
    assert text.count("+ - ") + text.count("- + ") >= 4
    assert "############......|......" in text


def test_brackets_in_a_model_s_words_are_no_markup(server: OpenAIServer) -> None:
    server.say("small", "[bold]At 18:45[/nonsense].")
    assert "[bold]At 18:45[/nonsense]." in shown(server)


def test_a_question_without_kind_gold_or_passages(server: OpenAIServer) -> None:
    text = squeezed(shown(server, Question("mine", "Zeppelin?")))
    assert "found nothing" in text
    assert "expected" not in text.partition("Measured")[0]
    assert "Right answers" not in text


class Expecting:
    """Says what it expects, as a fitted policy does, and draws twice."""

    def decide(self, state: State) -> Decision:
        """Draft, two verdicts, two more, keep."""
        drawn = state.tallies[0].drawn
        worth = {Finish(1): 0.554, Verify(0, 1): 0.601, Accept(0): 0.612, Verify(0, 2): 0.609}
        values = {"expected": worth}
        if not state.drafted[0]:
            return Decision(Draft(0), "First.")
        if drawn < 4:
            return Decision(Verify(0, 2), "Two more.", values if drawn else {})
        return Decision(Accept(0), "Enough for model 0, and for model 7.", values)


def test_what_the_policy_expects_of_each_action(server: OpenAIServer) -> None:
    text = squeezed(shown(server, policy=Expecting()))
    expected = "policy keep the draft 0.612, 2 more verdicts 0.609, let large answer 0.554 (expected score less cost)"
    assert text.count(expected) == 2
    assert "decision Two more." in text
    assert "decision Enough for model 0, and for model 7." in text
    assert "✓ ✓ 2 of 2 say correct" in text
    assert "✓ ✓ ✓ ✓ 4 of 4 say correct" in text


def test_the_answer_stands_before_the_models_are_asked_alone(server: OpenAIServer) -> None:
    file, standing = io.StringIO(), []
    with View(Console(file=file, width=80), NAMES) as view:
        view.ask(1, 1, SUPPER)
        session(server).ask(
            SUPPER, view.show, lambda model: standing.append("answer      At 18:45." in file.getvalue())
        )
    assert standing == [True, True]
