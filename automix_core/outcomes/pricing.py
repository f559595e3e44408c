"""What answers and checks cost, from their tokens and a price; and outcomes priced anew from recorded tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..errors import DataError
from ..routing.price import Price
from ..usage import Usage
from .outcome import ModelOutcome, Outcome, Tokens
from .verdict_cost import VerdictCost

Cost = Callable[[Usage], float]
"""The cost of tokens: a price's `of`, or `count` where there is none."""


def count(usage: Usage) -> float:
    """Tokens as the unit of cost, for want of prices."""
    return usage.input_tokens + usage.output_tokens


def verdict_cost(cost: Cost, spent: Tokens, verdicts: int) -> VerdictCost:
    """What drawing verdicts costs, from the tokens of all checks of a draft: reading the prompt once a request.

    Where each verdict was a request of its own, each pays for its reading.
    """
    reading = cost(Usage(spent.input_tokens, 0, spent.cached_input_tokens)) / spent.requests
    writing = cost(Usage(0, spent.output_tokens)) / max(verdicts, 1)
    if verdicts > spent.requests:
        return VerdictCost(first=reading, again=reading, each=writing)
    return VerdictCost(each=reading + writing)


def answer_cost(cost: Cost, spent: Tokens) -> float:
    """What an answer costs."""
    return cost(Usage(spent.input_tokens, spent.output_tokens, spent.cached_input_tokens))


def priced(outcomes: Sequence[Outcome], prices: Mapping[str, Price]) -> list[Outcome]:
    """The outcomes with the costs of their recorded tokens at `prices`, by the models' names.

    Raises `DataError` where an outcome has no tokens.
    """
    return [
        outcome.model_copy(update={"models": tuple(_priced(outcome.id, model, prices) for model in outcome.models)})
        for outcome in outcomes
    ]


def _priced(of: str, model: ModelOutcome, prices: Mapping[str, Price]) -> ModelOutcome:
    cost = prices[model.name].of
    if model.usage is None or (model.verdicts and model.verdict_usage is None):
        what = "answer" if model.usage is None else "checks"
        raise DataError(
            f"Outcome {of!r} does not say how many tokens {model.name}'s {what} took, so prices can't be applied; "
            "automix collect records them where the server reports them."
        )
    if model.signal_cost:
        raise DataError(
            f"Outcome {of!r} has paid signals of {model.name}, whose tokens are not recorded: give prices to automix "
            "collect in place of fit."
        )
    found = {"cost": answer_cost(cost, model.usage)}
    if model.verdict_usage is not None and model.verdicts:
        return model.model_copy(
            update=found | {"verdict_cost": verdict_cost(cost, model.verdict_usage, len(model.verdicts))}
        )
    return model.model_copy(update=found)
