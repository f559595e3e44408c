"""Policies as versioned JSON files: never pickle, never eval. Writing is atomic; reading checks every field."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..decision import Accept, Action, Draft, Finish, Measure, Policy, Verify
from ..errors import ConfigError, DataError, PolicyError
from ..evidence.estimator import Estimator, Evidence, Term
from ..files import read_text, write_atomic
from ..outcomes.kinds import mistaken
from ..outcomes.verdict_cost import VerdictCost
from . import POMDP, Always, Band, Curtailed, Mixture, ObservationModel, Problem, Threshold
from .pomdp import History, Ranked
from .problem import SignalModel

FORMAT, VERSION = "automix-policy", 1


@dataclass(frozen=True, slots=True)
class FittedOn:
    """The outcomes a policy was fitted on: how many, when, and their digest (`outcome.digest`)."""

    outcomes: int
    date: str
    sha256: str


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy and what it was made for; None where that is not known."""

    policy: Policy
    models: tuple[str, ...] | None = None
    prompt: str | None = None
    k: int | None = None
    costs: tuple[float, ...] | None = None
    data: FittedOn | None = None


def save_policy(
    policy: Policy,
    path: str | os.PathLike[str],
    *,
    models: Iterable[str] | None = None,
    prompt: str | None = None,
    k: int | None = None,
    costs: Iterable[float] | None = None,
    data: FittedOn | None = None,
) -> None:
    """Write `policy` to `path`: whole or not at all.

    `models` are the cascade's names, `prompt` the digest of the checking prompt, `k` the most verdicts drawn, `costs`
    the mean cost of each answer, `data` what it was fitted on. Raises `PolicyError` for a class that files don't know,
    or when the file can't be written.
    """
    record = {
        "format": FORMAT,
        "version": VERSION,
        "policy": policy_dict(policy),
        "models": None if models is None else list(models),
        "prompt": prompt,
        "k": k,
        "costs": None if costs is None else list(costs),
        "data": None if data is None else asdict(data),
    }
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(", ", ": ")) + "\n"
    except ValueError:
        raise PolicyError(f"{path}: the policy holds a number that is not finite, which a file can't keep.") from None
    try:
        write_atomic(Path(path), text)
    except OSError as error:
        raise PolicyError(f"{path} can't be written: {error.strerror or error}.") from None


def load_policy(path: str | os.PathLike[str]) -> Policy:
    """The policy saved at `path`. Raises `PolicyError`, naming the file and the field, if it can't be read."""
    return load_policy_file(path).policy


def load_policy_file(path: str | os.PathLike[str]) -> PolicyFile:
    """The policy saved at `path` and what it was made for. Raises `PolicyError` as `load_policy` does."""
    data = _read(Path(path))
    if wrong := mistaken(data, "policy"):
        raise PolicyError(f"{path}: {wrong}")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PolicyError(f'{path} is not a policy: its field "format" must be "{FORMAT}".')
    if data.get("version") != VERSION:
        raise PolicyError(
            f"{path} has policy version {data.get('version')!r}, this automix-rag reads version {VERSION}: "
            "fit the policy again, or install the version that wrote it."
        )
    try:
        record = _Record.model_validate_json(json.dumps(data))
        policy = record.policy.build()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, said = ".".join(map(str, first["loc"])), first["msg"]
        raise PolicyError(f"{path}: field {field}: {said[0].lower()}{said[1:]}.") from None
    except (ConfigError, RecursionError) as error:
        raise PolicyError(f"{path}: {error}") from None
    if record.models and record.costs and len(record.models) != len(record.costs):
        raise PolicyError(f"{path}: field costs holds {len(record.costs)} numbers for {len(record.models)} models.")
    return PolicyFile(
        policy,
        models=None if record.models is None else tuple(record.models),
        prompt=record.prompt,
        k=record.k,
        costs=None if record.costs is None else tuple(record.costs),
        data=None if record.data is None else FittedOn(**record.data.model_dump()),
    )


def _read(path: Path) -> Any:
    def refuse(number: str) -> NoReturn:
        raise PolicyError(f"{path} holds {number}, which is not a number a policy can use.")

    try:
        text = read_text(path)
    except DataError as error:
        raise PolicyError(f"{str(error).rstrip('.')}; give the path of a saved policy.") from None
    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # cut off, a number too long to read, brackets without end
        if wrong := mistaken(text.split("\n", 1)[0], "policy"):
            raise PolicyError(f"{path}: {wrong}") from None
        where, why = getattr(error, "lineno", 1), getattr(error, "msg", error)
        raise PolicyError(f"{path} is not whole JSON (line {where}: {why}); save it again.") from None


def policy_of(data: dict[str, Any]) -> Policy:
    """The policy that `policy_dict` wrote. Raises `PolicyError` if a field is missing or wrong."""
    try:
        return _Tagged.model_validate_json(json.dumps({"policy": data})).policy.build()
    except (ValidationError, ValueError, TypeError) as error:
        raise PolicyError(f"This is no policy: {error}") from None


def policy_dict(policy: Policy) -> dict[str, Any]:
    """`policy` as plain JSON data. Raises `PolicyError` for a class that files don't know."""
    match policy:
        case Always():
            return {"type": "always", "model": policy.model}
        case Threshold():
            return {"type": "threshold", "threshold": policy.threshold}
        case Band():
            return {"type": "band", "low": policy.low, "high": policy.high}
        case Curtailed():
            return {"type": "curtailed", "policy": policy_dict(policy.policy)}
        case Mixture():
            first, second = policy_dict(policy.first), policy_dict(policy.second)
            return {"type": "mixture", "weight": policy.weight, "first": first, "second": second}
        case POMDP():
            entries = policy.nodes.items()
            nodes = [{"seen": list(h), "ranked": [[*_plain_action(a), value] for a, value in r]} for h, r in entries]
            return {"type": "pomdp", "fixed": policy.fixed, "problem": asdict(policy.problem), "nodes": nodes}
    raise PolicyError(f"A policy of class {type(policy).__name__} can't be saved, only those of automix_core.")


def _plain_action(action: Action) -> list[str | int]:
    name = type(action).__name__.lower()
    match action:
        case Verify(model, n):
            return [name, model, n]
        case Measure(model, signal):
            return [name, model, signal]
    return [name, action.model]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class _Always(_Strict):
    type: Literal["always"]
    model: int

    def build(self) -> Policy:
        return Always(self.model)


class _Threshold(_Strict):
    type: Literal["threshold"]
    threshold: float

    def build(self) -> Policy:
        return Threshold(self.threshold)


class _Band(_Strict):
    type: Literal["band"]
    low: float
    high: float

    def build(self) -> Policy:
        return Band(self.low, self.high)


class _Curtailed(_Strict):
    type: Literal["curtailed"]
    policy: _Policy

    def build(self) -> Policy:
        return Curtailed(self.policy.build())


class _Mixture(_Strict):
    type: Literal["mixture"]
    weight: float
    first: _Policy
    second: _Policy

    def build(self) -> Policy:
        return Mixture(self.first.build(), self.second.build(), self.weight)


class _VerdictCost(_Strict):
    first: float
    again: float
    each: float
    round: float


class _ObservationModel(_Strict):
    k: int
    likelihood: list[list[float]]
    cost: _VerdictCost
    direct: bool
    edges: list[float] = []

    def build(self) -> ObservationModel:
        return ObservationModel(
            self.k, self.likelihood, VerdictCost(**self.cost.model_dump()), self.direct, tuple(self.edges)
        )


class _Term(_Strict):
    name: str
    weight: float
    at: list[float]
    to: list[float]


class _Estimator(_Strict):
    terms: list[_Term]
    bias: float
    logistic: bool

    def build(self) -> Estimator:
        return Estimator([Term(**term.model_dump()) for term in self.terms], self.bias, self.logistic)


class _Evidence(_Strict):
    estimators: list[_Estimator]

    def build(self) -> Evidence:
        return Evidence([estimator.build() for estimator in self.estimators])


class _SignalModel(_Strict):
    name: str
    cost: float
    edges: list[float]
    likelihood: list[list[float]]
    evidence: _Evidence | None = None

    def build(self) -> SignalModel:
        evidence = None if self.evidence is None else self.evidence.build()
        return SignalModel(self.edges, self.likelihood, self.name, self.cost, evidence)


class _Problem(_Strict):
    prior: list[float]
    scores: list[list[float]]
    costs: list[float]
    observations: list[_ObservationModel | None]
    cost_weight: float
    states: list[str]
    signals: list[list[_SignalModel]] = []


_Words: TypeAlias = (
    tuple[Literal["accept", "finish", "draft"], int, float]
    | tuple[Literal["verify"], int, int, float]
    | tuple[Literal["measure"], int, str, float]
)


class _Node(_Strict):
    seen: list[Annotated[list[int], Field(min_length=3)] | None]
    ranked: Annotated[list[_Words], Field(min_length=1)]

    def entry(self) -> tuple[History, Ranked]:
        history = tuple(None if seen is None else tuple(seen) for seen in self.seen)
        return history, tuple((_action(words), float(words[-1])) for words in self.ranked)


_ACTIONS: dict[str, Callable[[int], Action]] = {"accept": Accept, "finish": Finish, "draft": Draft}


def _action(words: _Words) -> Action:
    if words[0] == "verify":
        return Verify(words[1], words[2])
    if words[0] == "measure":
        return Measure(words[1], words[2])
    return _ACTIONS[words[0]](words[1])


class _POMDP(_Strict):
    type: Literal["pomdp"]
    fixed: bool
    problem: _Problem
    nodes: list[_Node]

    def build(self) -> Policy:
        p = self.problem
        observations = [None if o is None else o.build() for o in p.observations]
        signals = [[signal.build() for signal in some] for some in p.signals]
        problem = Problem(p.prior, p.scores, p.costs, observations, p.cost_weight, p.states, signals)
        return POMDP(problem, dict(node.entry() for node in self.nodes), self.fixed).checked()


_Policy: TypeAlias = Annotated[
    _Always | _Threshold | _Band | _Curtailed | _Mixture | _POMDP, Field(discriminator="type")
]


class _Tagged(_Strict):
    policy: _Policy


class _FittedOn(_Strict):
    outcomes: int
    date: str
    sha256: str


class _Record(_Strict):
    format: str
    version: int
    policy: _Policy
    models: list[str] | None
    prompt: str | None
    k: Annotated[int, Field(ge=0, le=10_000)] | None
    costs: list[float] | None
    data: _FittedOn | None


_Curtailed.model_rebuild()
_Mixture.model_rebuild()
