"""Parts that don't fit together, and keywords that there are not: said at once, at the caller's line."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest

from automix_core import ConfigError, Price
from tests.loopback import OpenAIServer

from .adapter import Adapter

CHEAP, MIDDLE, EXPENSIVE = Price(0.1, 0.4), Price(1, 4), Price(10, 40)


class Parts(Adapter):
    def of(self, server: OpenAIServer, models: int = 2, **settings: Any) -> Any:
        return self.cascade([self.child(server, f"model-{number}") for number in range(models)], **settings)

    @pytest.mark.parametrize("models", [0, 1])
    def test_a_cascade_has_two_models_or_more(self, server: OpenAIServer, models: int) -> None:
        with pytest.raises(ConfigError, match=f"models needs two models or more, cheapest first; {models} given"):
            self.of(server, models)

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"prices": [CHEAP]}, r"prices needs one Price \(or None\) a model: 2 models, 1 prices"),
            ({"verify_concurrency": 0}, "verify_concurrency must be 1 or more, not 0"),
        ],
    )
    def test_what_does_not_fit_is_named(self, server: OpenAIServer, settings: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            self.of(server, **settings)

    def test_what_is_no_model_is_named(self, server: OpenAIServer) -> None:
        with pytest.raises(ConfigError, match=r"models\[1\] must be a .*, not int"):
            self.cascade([self.child(server, "small"), 3])

    @pytest.mark.parametrize(
        ("prices", "words"),
        [
            ([CHEAP, EXPENSIVE], None),
            ([CHEAP, CHEAP], None),
            ([Price(0, 0), CHEAP], None),
            ([None, CHEAP], None),
            ([EXPENSIVE, None], None),
            ([EXPENSIVE, CHEAP], "prices[0] is above prices[1]"),
            ([CHEAP, EXPENSIVE, MIDDLE], "prices[1] is above prices[2]"),
            ([EXPENSIVE, None, CHEAP], "prices[0] is above prices[2]"),
        ],
    )
    def test_the_most_expensive_first_is_warned_of(
        self, server: OpenAIServer, prices: list[Price | None], words: str | None
    ) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.of(server, len(prices), prices=prices)
        said = [f"models should be given cheapest first, but {words}."] if words else []
        assert [str(warning.message) for warning in caught] == said
        assert all(warning.filename == inspect.getfile(type(self)) for warning in caught)

    @pytest.mark.parametrize(
        ("given", "advice"),
        [
            ({"threshold": 0.8}, "Write policy=Threshold(0.8)."),
            ({"k": 4}, "Write verifier=SelfVerifier(k=4)."),
            ({"temperature": 0}, "Set it on each of the models."),
            ({"polcy": None}, "Did you mean 'policy'?"),
            ({"fancy": 1}, "Leave it out."),
        ],
    )
    def test_an_unknown_keyword_is_ignored_and_says_what_to_write(
        self, server: OpenAIServer, given: dict[str, Any], advice: str
    ) -> None:
        with pytest.warns(UserWarning, match="unknown keyword") as caught:
            self.of(server, **given)
        (warning,) = caught
        assert str(warning.message).endswith(advice)
        assert warning.filename == inspect.getfile(type(self))

    def test_the_verifiers_ignore_what_they_do_not_know_alike(self) -> None:
        for make in (self.verifier, self.token_verifier):
            with pytest.warns(UserWarning, match=r"unknown keyword 'shotz'\. Did you mean 'shots'\?") as caught:
                make(shotz=3)
            assert [warning.filename for warning in caught] == [inspect.getfile(type(self))]
