"""What all calls of one chat model share: the models, who checks which draft, the rule and the prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from automix_core.checking.client import Client
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

from .child.clients import answering
from .child.models import Child, core_model, name_of
from .child.sampler import Sampler, drafter_of
from .meta_verifier import MetaVerifier
from .verifier.custom_verifier import CustomVerifier
from .verifier.measures import Measures
from .verifier.self_verifier import SelfVerifier


@dataclass(frozen=True, slots=True)
class Cascade:
    """The models, cheapest first, and what belongs to each.

    `clients` is what is known of each model's client. `checkers` are the models that check each one's drafts, as
    they draw verdicts; `checked_by` their numbers, None for a model outside the cascade. `provider` gives the
    policy of each call, `signals` are found out about each draft.
    """

    models: Sequence[Child]
    names: Sequence[str]
    checkers: Sequence[Sampler]
    checked_by: Sequence[int | None]
    clients: Sequence[Client]
    verifier: SelfVerifier | CustomVerifier
    meta: MetaVerifier
    provider: PolicyProvider
    signals: Sequence[str]
    measures: Measures
    drafters: Sequence[Drafter[Child]]
    prices: Sequence[Price | None] | None
    verify_concurrency: int
    raising: bool
    limits: Limits = field(default_factory=Limits)
    circuits: Sequence[Circuit | None] = ()
    limiter: Limit | None = None
    hedge: bool = False
    owners: Sequence[int] = ()
    passage_budget: int | None = None

    @property
    def k(self) -> int:
        """The most verdicts drawn on one draft."""
        return self.verifier.k

    @classmethod
    def of(
        cls,
        models: Sequence[Child],
        plain: Sequence[Child],
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
        """Put a cascade together; `plain` are the models before tools were bound to them, which no check wants.

        Raises `ConfigError` for parts that don't fit together, `PolicyError` for a policy that can't be read or
        was made for another number of models.
        """
        require_parts(models, Runnable, "a chat model or another Runnable", prices, verify_concurrency)
        limits = limits or Limits()
        limits.check_prices(prices)
        check_hedge(hedge, prices)
        check_budget(passage_budget)
        used = verifier if verifier is not None else SelfVerifier()
        used = used if isinstance(used, SelfVerifier) else CustomVerifier(used)
        own = used.model if isinstance(used, SelfVerifier) else None
        place = next((number for number, model in enumerate(plain) if model is own), None)
        names = tuple(name_of(model) for model in models)
        paid = Measures.of(measures, plain)
        live = Live(
            names,
            used.prompt_digest if isinstance(used, SelfVerifier) else "",
            used.k,
            offered_signals(signals, paid.ways),
        )
        provider = as_provider(policy, len(models), live)
        known = wanted_signals(signals, provider.policy())
        cascade = cls(
            models=tuple(models),
            names=names,
            checkers=[Sampler.of(own)] * len(models) if own is not None else [Sampler.of(model) for model in plain],
            checked_by=[place] * len(models) if own is not None else range(len(models)),
            clients=[answering(model) for model in models],
            verifier=used,
            meta=MetaVerifier(provider.policy(), len(models)),
            provider=provider,
            signals=known,
            drafters=[drafter_of(model, needs_tokens(known) and model is not models[-1]) for model in models],
            measures=paid,
            prices=prices,
            verify_concurrency=verify_concurrency,
            raising=raising,
            limits=limits,
            circuits=[circuit_of(core_model(model), breaker) for model in models] if breaker else (),
            limiter=limiter,
            hedge=hedge,
            owners=[id(core_model(model)) for model in models],
            passage_budget=passage_budget,
        )
        limits.check_prices(cascade.checker_prices)
        paid.check_prices(limits, prices)
        return cascade

    def allowance(self, query: Query, messages: Sequence[BaseMessage]) -> Allowance:
        """What a question with `messages` may take, from now on."""
        size, quotes = None, None
        if self.limits.max_cost is not None and self.prices is not None:
            size = self._size(query, messages)
            quotes = self.measures.quotes(query, size.prompt, self.prices)
        known = (self.prices, self.checker_prices, size, self.circuits)
        return Allowance.of(self.limits, *known, owners=self.owners, quotes=quotes)

    def shown(self, query: Query, draft: str) -> Query:
        """What a check of `draft` sees of `query`."""
        return shown(query, draft, self.passage_budget, self._count)

    @property
    def checker_prices(self) -> Sequence[Price | None]:
        """The price of whoever checks each model's drafts; a function of the user's own is taken to cost nothing."""
        if isinstance(self.verifier, CustomVerifier):
            return [Price(0, 0)] * len(self.models)
        prices = self.prices or [None] * len(self.models)
        return [self.verifier.price if place is None else prices[place] for place in self.checked_by]

    def rounds(self, policy: Policy, model: int) -> float:
        """What one more round trip is worth under `policy` in checks of that model's draft, in verdicts."""
        verifier = self.verifier
        together = isinstance(verifier, CustomVerifier) or verifier.together(self.checkers[model])
        return round_price(together, policy, model)

    def _size(self, query: Query, messages: Sequence[BaseMessage]) -> Size:
        prompt = approximate_tokens("\n".join(message.text for message in messages))
        if isinstance(self.verifier, CustomVerifier):
            return Size(prompt)
        query = about(query, self.passage_budget, self._count)
        return self.verifier.size(query, prompt, self.checkers[0])

    @property
    def _count(self) -> Callable[[str], int]:
        own = self.verifier.count_tokens if isinstance(self.verifier, SelfVerifier) else None
        return own or approximate_tokens
