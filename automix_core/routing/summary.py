"""What many routes amount to: who answered, for how much money, how many tokens and how much time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from .route import Route, keeps_a_draft

_ROLES = ("draft", "verify", "answer")


@dataclass(frozen=True, slots=True)
class Seconds:
    """How long one kind of step took: the median, the 95th percentile and the longest, over `n` steps."""

    n: int
    median: float
    p95: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Seconds:
        """The figures of one step or more."""
        ordered = sorted(seconds)
        return cls(len(ordered), median(ordered), ordered[round(0.95 * (len(ordered) - 1))], ordered[-1])


@dataclass(frozen=True, slots=True)
class Summary:
    """The routes of many calls in one record.

    Shares are of all calls. `kept_share` counts calls that kept a draft of a model before the last; `by_model` who
    answered. Money is in USD and summed over the calls whose price is known: `cost_known` and `saved_known` say over
    how many, and sums over none are None. `tokens` are those reported, per role; `tokens_unknown` counts the calls in
    which a provider reported none. `seconds` is None for a step that no call timed.
    """

    calls: int
    kept_share: float | None
    actions: Mapping[str, int]
    by_model: Mapping[str, int]
    cost: float | None
    cost_known: int
    always_large: float | None
    saved: float | None
    saved_known: int
    tokens: Mapping[str, int]
    tokens_unknown: int
    seconds: Mapping[str, Seconds]
    errors: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able dict of the fields."""
        return asdict(self)

    def __str__(self) -> str:
        if not self.calls:
            return "No calls."
        lines = [f"{self.calls} calls, {self.kept_share:.0%} of them answered by a draft that was kept."]
        if self.cost is not None:
            lines.append(f"Cost: {self.cost:.4g} USD over {self.cost_known} calls whose price is known.")
        if self.saved is not None and self.always_large:
            share = self.saved / self.always_large
            word = "less" if share >= 0 else "more"
            lines.append(
                f"That is {abs(share):.0%} {word} than the largest model alone, over {self.saved_known} calls."
            )
        total = sum(self.tokens.values())
        lines.append(f"Tokens: {total} ({', '.join(f'{role} {self.tokens[role]}' for role in _ROLES)}).")
        lines += [f"Seconds of a {do}: {s.median:.3g} median, {s.p95:.3g} p95." for do, s in self.seconds.items()]
        if self.errors:
            lines.append("Errors: " + ", ".join(f"{n} {name}" for name, n in self.errors.items()) + ".")
        return "\n".join(lines)


def summary(routes: Iterable[Route | Mapping[str, Any]]) -> Summary:
    """What `routes` amount to, each a `Route` or the dict that `to_dict` gave.

    with collect_routes() as routes:
        chain.batch(questions)
    print(summary(routes))
    """
    found = [r.to_dict() if isinstance(r, Route) else r for r in routes]
    costs = [r["cost"]["total"] for r in found if r["cost"]["total"] is not None]
    saved = [r["cost"] for r in found if r["cost"]["saved"] is not None]
    seconds: dict[str, list[float]] = {}
    for route in found:
        for step in route["steps"]:
            if step.get("seconds") is not None:
                seconds.setdefault(step["do"], []).append(step["seconds"])
        if route.get("seconds") is not None:
            seconds.setdefault("call", []).append(route["seconds"])
    kept = [r for r in found if keeps_a_draft(r["model"], r["steps"], len(r["usage"]["by_model"]))]
    return Summary(
        calls=len(found),
        kept_share=len(kept) / len(found) if found else None,
        actions=_counted(r["action"] for r in found),
        by_model=_counted(str(r["model_name"]) for r in found),
        cost=sum(costs) if costs else None,
        cost_known=len(costs),
        always_large=sum(cost["always_large"] for cost in saved) if saved else None,
        saved=sum(cost["saved"] for cost in saved) if saved else None,
        saved_known=len(saved),
        tokens={role: sum((r["usage"][role] or {}).get("total_tokens", 0) for r in found) for role in _ROLES},
        tokens_unknown=sum(r["usage"]["total"] is None for r in found),
        seconds={do: Seconds.of(values) for do, values in seconds.items()},
        errors=_counted(error for r in found for error in r["errors"]),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    """How often each name came: the most frequent first, then by name, as calls end in any order."""
    return dict(sorted(Counter(names).items(), key=lambda counted: (-counted[1], counted[0])))
