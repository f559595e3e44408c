"""What all calls of one model share: the models, who checks which draft, the rule and the prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.llm import LLM

from automix_core.checking.limiter import Limit
from automix_core.checking.query import Query
from automix_core.checking.results import approximate_tokens
from automix_core.decision import Policy
from automix_core.evidence.asking import Drafter
from automix_core.evidence.bearing import about, check_budget, shown
from automix_core.evidence.wanted import Wanted, needs_tokens, offered_signals, wanted_signals
from automix_core.policies.loading import Live, as_provider
from automix_core.policies.provider import PolicyProvider
from automix_core.policies.rounds import round_price
from automix_core.routing.breaker import Breaker, Circuit, circuit_of
from automix_core.routing.hedge import check_hedge
from automix_core.routing.limits import Allowance, Limits, Size
from automix_core.routing.parts import require_parts
from automix_core.routing.price import Price

from .child.responses import name_of
from .child.sampler import drafter_of
from .meta_verifier import MetaVerifier
from .verifier.custom_verifier import CustomVerifier
from .verifier.measures import Measures
from .verifier.self_verifier import SelfVerifier

LEAST_LEFT = 512
"""Tokens that a window must leave beside the checking prompt and the answer, or the prompt is not reserved for."""
UNSET_OUTPUT = 256
"""What LlamaIndex takes for an answer's length where a model does not limit it."""


@dataclass(frozen=True, slots=True)
class Cascade:
    """The models, cheapest first, and what belongs to each.

    `checkers` check each model's drafts; `checked_by` are the numbers of the models that do so, None for one outside
    the cascade. `provider` gives the policy of each call, `signals` are found out about each draft.
    """

    models: Sequence[LLM]
    names: Sequence[str]
    checkers: Sequence[SelfVerifier | CustomVerifier]
    checked_by: Sequence[int | None]
    meta: MetaVerifier
    provider: PolicyProvider
    signals: Sequence[str]
    measures: Measures
    drafters: Sequence[Drafter[LLM]]
    prices: Sequence[Price | None] | None
    raising: bool
    limits: Limits = field(default_factory=Limits)
    circuits: Sequence[Circuit | None] = ()
    limiter: Limit | None = None
    hedge: bool = False
    owners: Sequence[int] = ()
    passage_budget: int | None = None

    @property
    def last(self) -> int:
        """The number of the largest model."""
        return len(self.models) - 1

    @property
    def k(self) -> int:
        """The most verdicts drawn on one draft."""
        return self.checkers[0].k

    @classmethod
    def of(
        cls,
        models: Sequence[LLM],
        verifier: Any,
        policy: Any,
        prices: Sequence[Price | None] | None,
        *,
        verify_concurrency: int = 8,
        raising: bool = False,
        limits: Limits | None = None,
        breaker: Breaker | None = None,
        limiter: Limit | None = None,
        hedge: bool = False,
        passage_budget: int | None = None,
        signals: Wanted = "auto",
        measures: Any = None,
    ) -> Cascade:
        """Put a cascade together.

        Raises `ConfigError` for parts that don't fit together, `PolicyError` for a policy that can't be read or
        was made for another number of models.
        """
        require_parts(models, LLM, "a LlamaIndex LLM", prices, verify_concurrency)
        limits = limits or Limits()
        limits.check_prices(prices)
        check_hedge(hedge, prices)
        check_budget(passage_budget)
        checkers: list[SelfVerifier | CustomVerifier]
        checked_by: list[int | None]
        if verifier is None or isinstance(verifier, SelfVerifier):
            kind = verifier or SelfVerifier()
            own = kind.model
            checked_by = [next((i for i, m in enumerate(models) if m is own), None)] * len(models)
            if own is None:
                checked_by = list(range(len(models)))
            settings = {name: getattr(kind, name) for name in type(kind).model_fields}
            settings["concurrency"] = verify_concurrency
            checkers = [type(kind)(**{**settings, "model": own or model}) for model in models]
        else:
            checkers, checked_by = [CustomVerifier(verifier)] * len(models), [None] * len(models)
        names, first = tuple(name_of(model) for model in models), checkers[0]
        paid = Measures.of(measures, models)
        live = Live(
            names,
            first.prompt_digest if isinstance(first, SelfVerifier) else "",
            first.k,
            offered_signals(signals, paid.ways),
        )
        provider = as_provider(policy, len(models), live)
        known = wanted_signals(signals, provider.policy())
        cascade = cls(
            models=tuple(models),
            names=names,
            checkers=checkers,
            checked_by=checked_by,
            meta=MetaVerifier(),
            provider=provider,
            signals=known,
            drafters=[drafter_of(model, needs_tokens(known) and model is not models[-1]) for model in models],
            measures=paid,
            prices=prices,
            raising=raising,
            limits=limits,
            circuits=[circuit_of(model, breaker) for model in models] if breaker else (),
            limiter=limiter,
            hedge=hedge,
            owners=[id(model) for model in models],
            passage_budget=passage_budget,
        )
        limits.check_prices(cascade.checker_prices)
        paid.check_prices(limits, prices)
        return cascade

    def allowance(self, query: Query, messages: Callable[[], Sequence[ChatMessage]]) -> Allowance:
        """What a question with `messages` may take, from now on."""
        size, quotes = None, None
        if self.limits.max_cost is not None and self.prices is not None:
            size = self._size(query, messages())
            quotes = self.measures.quotes(query, size.prompt, self.prices)
        known = (self.prices, self.checker_prices, size, self.circuits)
        return Allowance.of(self.limits, *known, owners=self.owners, quotes=quotes)

    def shown(self, query: Query, draft: str) -> Query:
        """What a check of `draft` sees of `query`."""
        return shown(query, draft, self.passage_budget, self._count)

    @property
    def checker_prices(self) -> Sequence[Price | None]:
        """The price of whoever checks each model's drafts; a function of the user's own is taken to cost nothing."""
        prices = self.prices or [None] * len(self.models)
        return [
            Price(0, 0) if isinstance(checker, CustomVerifier) else checker.price if place is None else prices[place]
            for checker, place in zip(self.checkers, self.checked_by, strict=True)
        ]

    def rounds(self, policy: Policy, model: int) -> float:
        """What one more round trip is worth under `policy` in checks of that model's draft, in verdicts."""
        checker = self.checkers[model]
        return round_price(isinstance(checker, CustomVerifier) or checker.together, policy, model)

    def _size(self, query: Query, messages: Sequence[ChatMessage]) -> Size:
        prompt = approximate_tokens("\n".join(message.content or "" for message in messages))
        checker = self.checkers[0]
        if isinstance(checker, CustomVerifier):
            return Size(prompt)
        query = about(query, self.passage_budget, self._count)
        return checker.size(query, prompt)

    @property
    def _count(self) -> Callable[[str], int]:
        checker = self.checkers[0]
        return checker.count if isinstance(checker, SelfVerifier) else approximate_tokens

    @property
    def num_output(self) -> int:
        """The longest answer of any model, in tokens; -1 if none limits its answers, as LlamaIndex writes it."""
        lengths = [model.metadata.num_output for model in self.models]
        if all(length < 0 for length in lengths):
            return -1
        return max(UNSET_OUTPUT if length < 0 else length for length in lengths)

    @property
    def context_window(self) -> int:
        """Tokens that a prompt and its answer may take, so that each model can read it and a check of it still fits.

        LlamaIndex takes `num_output`, the longest answer of any model, off it: what is left for a prompt is what the
        model with the least room beside its own answer can read. A check shows the context, the question and the
        answer again, after its examples and before its own reply. A window too small for both is not reserved for:
        then the check cuts the context, and the route says so.
        """
        whole = [model.metadata for model in self.models]
        answers = [UNSET_OUTPUT if known.num_output < 0 else known.num_output for known in whole]
        rooms = [known.context_window - answer for known, answer in zip(whole, answers, strict=True)]
        for checker, answer in zip(self.checkers, answers, strict=True):
            if isinstance(checker, SelfVerifier) and checker.window is not None:
                left = checker.window - checker.overhead - answer
                if left >= LEAST_LEFT:
                    rooms.append(left)
        return min(rooms) + max(answers)
