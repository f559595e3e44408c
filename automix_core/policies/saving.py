"""Policies as versioned JSON files: never pickle, never eval. Writing is atomic; reading checks every field."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

from pydantic import Field, ValidationError

from ..decision import Policy
from ..errors import AutoMixError, DataError, PolicyError
from ..files import read_text, write_atomic
from ..outcomes.kinds import mistaken
from .record import Strict, build, first_of, policy_dict

FORMAT, VERSION = "automix-policy", 1


@dataclass(frozen=True, slots=True)
class FittedOn:
    """The outcomes a policy was fitted on: how many, when, and their digest (`outcome.digest`).

    `performance` is the mean score that the policy is expected to reach, as fitting saw it.
    """

    outcomes: int
    date: str
    sha256: str
    performance: float | None = None


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy and what it was made for; None where that is not known."""

    policy: Policy
    models: tuple[str, ...] | None = None
    prompt: str | None = None
    k: int | None = None
    costs: tuple[float, ...] | None = None
    data: FittedOn | None = None


class _Saved(Strict):
    format: str
    version: int
    policy: Any
    models: list[str] | None
    prompt: str | None
    k: Annotated[int, Field(ge=0, le=10_000)] | None
    costs: list[float] | None
    data: FittedOn | None


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
        record = _Saved.model_validate_json(json.dumps(data))
        policy = build(record.policy, "policy")
    except ValidationError as error:
        raise PolicyError(f"{path}: field {first_of(error)}") from None
    except (AutoMixError, RecursionError) as error:
        raise PolicyError(f"{path}: {error}") from None
    if record.models and record.costs and len(record.models) != len(record.costs):
        raise PolicyError(f"{path}: field costs holds {len(record.costs)} numbers for {len(record.models)} models.")
    return PolicyFile(
        policy,
        models=None if record.models is None else tuple(record.models),
        prompt=record.prompt,
        k=record.k,
        costs=None if record.costs is None else tuple(record.costs),
        data=record.data,
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
