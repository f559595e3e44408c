"""`Audit`: one's own chain is collected by running it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..amounts import is_count, is_number, is_seed
from ..errors import ConfigError
from ..routing.price import Price
from .background import Background, Counts
from .judge import Judge
from .lines import Lines
from .record import Case, NotAnAnswerError, record

if TYPE_CHECKING:
    from ..outcomes.scoring import Scorer

log = logging.getLogger("automix")


class Audit:
    """For a share of calls, the models that did not answer are asked too, and the outcome is appended to a file.

        llm = AutoMixChatModel(models=[small, large], prices=prices, audit=Audit("outcomes.jsonl"))

    It begins after the caller has the answer, in threads of its own, and neither changes, delays nor fails a call:
    what finds no room in the queue is dropped and counted, and what fails is logged by its type. Errands, tool turns
    and failed calls are left aside. Without gold answers the largest model's answer is the reference, until
    `automix_core.score` says more of the one that was given.

    `path` is a file of outcomes (JSON Lines, readable by its owner alone, safe with several processes) or a function
    that takes each outcome as a dict. `share` is the share of calls. `score` compares an answer with the largest
    model's: f1, exact, contains, choice, "module:function" or a function `(answer, golds) -> float`. A `judge` takes
    its place: a function of some of `question`, `answer`, `context` and `reference`, or an evaluator of openevals,
    LangChain or LlamaIndex, that gives a number from 0 to 1. One that can be shown a reference compares with the
    largest model's answer, any other judges every answer; where it fails, the agreement stands. `judge_price` is that
    of the tokens that it spends.

    `texts=False` leaves out questions, contexts and answers. `most_bytes` begins a new file at that size. `budget` is
    USD a day, which needs prices; `rate` audits a second; `queue` how many may wait; `workers` how many run at once;
    `drain` how many seconds the end of the process may wait for them; `seed` makes the choice of calls a repeatable
    one. What audits cost stands in each outcome's `audit_cost` and in `counts`, never in a route.

    Raises `ConfigError` for settings that can't work or a path that can't be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | Callable[[dict[str, Any]], object],
        share: float = 1.0,
        *,
        score: str | Scorer = "f1",
        judge: Any = None,
        judge_price: Price | None = None,
        texts: bool = True,
        most_bytes: int | None = None,
        budget: float | None = None,
        rate: float | None = None,
        queue: int = 256,
        workers: int = 2,
        drain: float = 5.0,
        seed: int | None = None,
    ) -> None:
        if not callable(path) and not isinstance(path, str | os.PathLike):
            raise ConfigError(f"Audit(path) must be the path of a file, or a function, not {type(path).__name__}.")
        if not is_number(share) or not 0 <= share <= 1:
            raise ConfigError(f"Audit(share) must be a share of calls from 0 to 1, not {share!r}.")
        for name, value in {"budget": budget, "rate": rate}.items():
            if value is not None and not (is_number(value) and value > 0):
                raise ConfigError(f"Audit({name}) must be more than 0, or None for no limit, not {value!r}.")
        for name, number in {"most_bytes": most_bytes, "queue": queue, "workers": workers}.items():
            if not is_count(number) and not (number is None and name == "most_bytes"):
                raise ConfigError(f"Audit({name}) must be a whole number of 1 or more, not {number!r}.")
        if not is_number(drain) or drain < 0:
            raise ConfigError(f"Audit(drain) must be a number of seconds, 0 or more, not {drain!r}.")
        if not is_seed(seed):
            raise ConfigError(f"Audit(seed) must be a whole number or None, not {seed!r}.")
        self._settings = {"path": path, "share": share, "score": score, "judge": judge, "judge_price": judge_price}
        self._settings |= {"texts": texts, "most_bytes": most_bytes, "budget": budget, "rate": rate, "queue": queue}
        self._settings |= {"workers": workers, "drain": drain, "seed": seed}
        self.path = None if callable(path) else os.fspath(path)
        self.share, self.budget, self._texts = share, budget, texts
        self._keep: Callable[[dict[str, Any]], object] = path if callable(path) else _appender(Lines(path, most_bytes))
        self._scorer, self._judge = _scorer(score), None if judge is None else Judge(judge, judge_price)
        self._random, self._lock = Random(seed), Lock()
        self._background = Background(most=queue, workers=workers, rate=rate, budget=budget, drain=drain)

    def __repr__(self) -> str:
        return f"Audit({self.path or 'a function'!r}, share={self.share:g})"

    def __copy__(self) -> Audit:
        return self  # a copy of a model is audited into the same file, under the same budget

    def __deepcopy__(self, memo: dict[int, Any]) -> Audit:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self._settings,)

    @property
    def counts(self) -> Counts:
        """How many audits were done, failed, dropped or abandoned, and what they cost."""
        return self._background.counts

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was taken up is recorded; False if `timeout` seconds were not enough."""
        return self._background.flush(timeout)

    def wants(self) -> bool:
        """Whether the next call is to be audited."""
        if self.share in (0, 1):
            return self.share == 1
        with self._lock:
            return self._random.random() < self.share

    def take(self, make: Callable[[], Case]) -> None:
        """Audit the call that `make` describes, later. `make` runs in the background too."""

        def job() -> float | None:
            try:
                found = record(make(), self._scorer, texts=self._texts, judge=self._judge)
            except NotAnAnswerError as aside:
                return aside.cost
            self._keep(found)
            cost: float | None = found["audit_cost"]
            return cost

        self._background.offer(job)


def _again(settings: dict[str, Any]) -> Audit:
    """The audit of the same settings, in another process."""
    return Audit(**settings)


def _scorer(score: str | Scorer) -> Scorer:
    from ..outcomes.scoring import scorer  # it builds the readers of outcomes, which a call without audits never needs

    return scorer(score) if isinstance(score, str) else score


def _appender(lines: Lines) -> Callable[[dict[str, Any]], object]:
    return lambda found: lines.append(json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
