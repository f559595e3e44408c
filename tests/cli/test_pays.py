"""`automix pays`: the arithmetic, and what it says of numbers that can't be."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from typer.testing import CliRunner

from automix_cli.app import app
from automix_cli.pays.estimate import CHECKS, Shape
from automix_core import Price
from automix_core.errors import ConfigError
from langchain_automix import AutoMixChatModel, route_of
from tests.loopback import OpenAIServer


def test_the_parts_are_counted_by_hand() -> None:
    shape = Shape(context=900, question=100, answer=50, ratio=10, kept=0.5, verdicts=4, reply=20, fixed=200)
    assert shape.large == 1000 + 4 * 50
    assert shape.draft == 120
    assert shape.checking == (200 + 1000 + 50 + 4 * 4 * 20) / 10
    assert shape.share == pytest.approx((120 + 157) / 1200 + 0.5)


def test_separate_requests_read_the_context_each_time_and_a_cache_helps() -> None:
    one, separate = Shape(checks="one"), Shape(checks="separate")
    cached = Shape(checks="separate", cached=0.0)
    assert separate.checking > 4 * one.checking
    assert cached.checking == pytest.approx(one.checking)
    assert Shape(checks="none").checking == 0
    assert 0 < Shape(checks="token").checking < one.checking


def test_at_the_kept_share_and_the_ratio_it_names_the_cascade_breaks_even() -> None:
    shape = Shape(checks="separate")
    assert Shape(checks="separate", kept=min(1.0, shape.least_kept)).share == pytest.approx(1.0)
    assert shape.least_ratio is not None
    assert Shape(checks="separate", ratio=shape.least_ratio).share == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ratio": 0}, "--ratio"),
        ({"ratio": -3}, "--ratio"),
        ({"kept": 1.2}, "--kept"),
        ({"answer": 0}, "--answer"),
        ({"context": -1}, "--context"),
        ({"verdicts": 0}, "--verdicts"),
        ({"output_ratio": float("nan")}, "--output-ratio"),
        ({"cached": 2}, "--cached"),
    ],
)
def test_numbers_that_cannot_be_are_named(settings: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Shape(**settings)  # type: ignore[arg-type]


def test_the_command_says_it_in_words_and_as_json() -> None:
    ran = CliRunner().invoke(app, ["pays", "--ratio", "20", "--kept", "0.6"])
    assert ran.exit_code == 0
    assert ran.stdout.startswith("It pays: the cascade costs ")
    poor = CliRunner().invoke(app, ["pays", "--ratio", "2", "--kept", "0.6"])
    assert poor.stdout.startswith("It does not pay: ")
    figures = json.loads(CliRunner().invoke(app, ["pays", "--json", "--checks", "none"]).stdout)
    assert figures["parts"]["checking"] == 0
    assert figures["share_of_always_large"] == pytest.approx(1 / 20 + 0.4)


def test_a_wrong_word_for_the_checks_is_bad_use() -> None:
    assert CliRunner().invoke(app, ["pays", "--checks", "two"]).exit_code == 2


@pytest.mark.skipif(shutil.which("node") is None, reason="the page's calculator is run by node, which is not here")
def test_the_page_s_calculator_says_the_same() -> None:
    shapes = [
        Shape(checks=checks, ratio=ratio, kept=kept, cached=cached, context=context)
        for checks, ratio, kept, cached, context in product(CHECKS, (2, 30), (0, 0.7), (0.1, 1), (0, 4000))
    ]
    script = Path(__file__).parents[2] / "docs" / "pays.js"
    asked = json.dumps([asdict(shape) for shape in shapes])
    code = f"const {{shape}} = require({str(script)!r}); console.log(JSON.stringify({asked}.map(shape)))"
    said = json.loads(subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True).stdout)
    for shape, figures in zip(shapes, said, strict=True):
        assert figures["share"] == pytest.approx(shape.share)
        assert figures["least_kept"] == pytest.approx(shape.least_kept)
        assert figures["least_ratio"] == (None if shape.least_ratio is None else pytest.approx(shape.least_ratio))


def test_it_says_what_routes_that_really_ran_cost() -> None:
    """Ten questions over HTTP, six drafts kept: the calculator, given the lengths they had, against their bills."""
    right, wrong = "So it says.\nVerdict: Correct", "It says nothing.\nVerdict: Incorrect"
    with OpenAIServer() as server:
        server.say(None, "It was built by Oda Verrin.")
        server.verdicts(*[right] * 8 * 6, *[wrong] * 8 * 4, model="small")
        small, large = (
            ChatOpenAI(model=name, base_url=server.url, api_key=SecretStr("sk-none"), max_retries=0)
            for name in ("small", "large")
        )
        llm = AutoMixChatModel(models=[small, large], prices=[Price(1, 4), Price(20, 80)])
        context = "Quillon is a harbour town. Its lighthouse was built by Oda Verrin. " * 20
        routes = [route_of(llm.invoke(f"Who built number {n}?", automix_context=context)) for n in range(10)]
    kept = [route for route in routes if route.action == "accept"]
    assert len(kept) == 6
    drafts, checks = (sum_of(routes, part) for part in ("draft", "verify"))
    shape = Shape(
        context=drafts[0],
        question=0,
        answer=drafts[1],
        ratio=20,
        kept=len(kept) / 10,
        verdicts=8,
        reply=checks[1] / 8,
        fixed=checks[0] - drafts[0] - drafts[1],
    )
    paid = sum(route.cost["total"] or 0.0 for route in routes)
    alone = sum(route.cost["always_large"] or 0.0 for route in routes)
    assert shape.share == pytest.approx(paid / alone, rel=0.01)


def sum_of(routes: list[Any], part: str) -> tuple[float, float]:
    """Mean tokens in and out of a part of the calls."""
    usages = [route.usage[part] for route in routes]
    return tuple(sum(usage[f"{way}_tokens"] for usage in usages) / len(usages) for way in ("input", "output"))
