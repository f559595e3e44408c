"""Scorers: SQuAD's figures, options, refusals, scripts without spaces, and a user's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automix_core.errors import ConfigError, DataError
from automix_core.outcomes.scoring import REFUSALS, exact, f1, refuses, scorer


@pytest.mark.parametrize(
    ("answer", "golds", "score"),
    [
        ("Paris", ["Paris"], 1),
        ("the PARIS!", ["Paris"], 1),
        ("in Paris", ["Paris"], 2 / 3),
        ("London", ["Paris"], 0),
        ("", ["Paris"], 0),
        ("the", ["an"], 0),  # SQuAD's script drops both, and so "" is as good an answer as "A"
        ("", ["A"], 0),
        ("A", ["A"], 1),
        ("A.", ["a"], 1),
        ("B", ["A"], 0),
        ("A) Paris", ["A"], 2 / 3),
        ("C", ["C++"], 0),
        ("It is C++.", ["C++"], 1 / 2),
        ("C#", ["C++"], 0),
        ("5", ["-5"], 0),
        ("−5", ["-5"], 1),
        ("2-5", ["2, 5"], 1),
        ("$5", ["$5"], 1),
        ("€5", ["$5"], 1 / 2),
        ("5", ["$5"], 2 / 3),
        ("?", ["?"], 1),
        ("+", ["-"], 0),
        ("Paris Paris", ["Paris"], 2 / 3),
        ("in 1911", ["1911", "in 1911"], 1),
        ("café", ["cafe\u0301"], 1),
        ("北京市", ["北京"], 4 / 5),
        ("東京", ["京東"], 1),
        ("iPhone 北京", ["北京"], 0.8),
        ("3.5", ["3,5"], 1),
    ],
)
def test_token_f1(answer: str, golds: list[str], score: float) -> None:
    assert f1(answer, golds) == pytest.approx(score)


@given(st.text(), st.text())
def test_f1_is_symmetric_and_a_share(one: str, other: str) -> None:
    assert f1(one, [other]) == f1(other, [one])
    assert 0 <= f1(one, [other]) <= 1
    assert f1(one, [one]) == 1


def test_exact() -> None:
    assert exact("The Eiffel Tower.", ["eiffel tower"]) == 1
    assert exact("Eiffel", ["eiffel tower"]) == 0


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("B", "B", True),
        ("b) Paris", "B", True),
        ("(B) because", "b", True),
        ("**Yes**, because", "yes", True),
        ("Yesterday", "yes", False),
        ("The answer is maybe.", "maybe", True),
        ("No, the answer is not yes", "yes", False),
        ("A or B", "B", False),
        ("A or B", "A", False),
        ("A", "(A)", True),
        ("(A) Paris", "A.", True),
        ("B) Paris", "B) Paris", True),
        ("B", "B) Paris", True),
        ("C", "B) Paris", False),
        ("Yes", "Yes.", True),
        ("Answer: B", "B", True),
        ("**Final answer:** (B)", "b", True),
        ("The correct option is B.", "B", True),
        ("Answer: A", "B", False),
        ("C++", "C", False),
        ("C++", "C++", True),
        ("-5", "5", False),
        ("The answer is -5.", "5", False),
        ("The answer is -5.", "-5", True),
        ("5.5", "5", False),
        ("$5", "$5", True),
        ("B", "", False),
        ("", "B", False),
    ],
)
def test_choice(answer: str, gold: str, right: bool) -> None:
    assert scorer("choice")(answer, [gold]) == right


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("It was 18:45 then.", "18:45", True),
        ("The answer is A.", "A", True),
        ("A", "A", True),
        ("B", "A", False),
        ("Nothing of the kind", "", False),
        ("What?", "?", False),
        ("It is written in C++.", "C++", True),
        ("It is written in C.", "C++", False),
        ("It fell to -5 degrees.", "-5", True),
        ("It rose to 5 degrees.", "-5", False),
        ("It costs $5 now.", "$5", True),
        ("It costs €5 now.", "$5", False),
    ],
)
def test_contains(answer: str, gold: str, right: bool) -> None:
    assert scorer("contains")(answer, [gold]) == right


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_listed_refusal_meets_unanswerable(refusal: str) -> None:
    for name in ("f1", "exact", "choice"):
        assert scorer(name)(f"Well, that is {refusal.upper()}.", ["unanswerable"]) == 1


def test_refusals_by_hand() -> None:
    assert refuses("The passage doesn’t say who it was.")
    assert not refuses("Unknownland is its name")
    assert scorer("f1")("Bob", ["unanswerable"]) == 0
    assert scorer("f1")("It is not mentioned.", ["Bob"]) == 0
    assert scorer("f1")("Bob", ["unanswerable", "Bob"]) == 1


def test_a_scorer_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_scorer.py").write_text(
        "def half(answer, golds): return 0.5\ndef wild(answer, golds): return 2\nnumber = 3\n"
        "import numpy\n"
        "def numpys(answer, golds): return numpy.float32(1)\n"
        "def rounded(answer, golds): return 1.0000001\n"
        "def none(answer, golds): return float('nan')\n"
    )
    monkeypatch.chdir(tmp_path)
    assert scorer("my_scorer:half")("x", ["y"]) == 0.5
    with pytest.raises(DataError, match="returned 2; it must return a number from 0 to 1"):
        scorer("my_scorer:wild")("x", ["y"])
    assert scorer("my_scorer:numpys")("x", ["y"]) == scorer("my_scorer:rounded")("x", ["y"]) == 1
    with pytest.raises(DataError, match="returned nan"):
        scorer("my_scorer:none")("x", ["y"])
    with pytest.raises(ConfigError, match="is not a function"):
        scorer("my_scorer:number")
    with pytest.raises(ConfigError, match="There is no scorer 'bleu'"):
        scorer("bleu")
