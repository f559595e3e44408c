"""The policy of a cascade, from whatever was given for it, and whether it was made for that many models."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..decision import Policy, check_models
from ..errors import ConfigError, PolicyError
from .always import Always
from .provider import Fixed, PolicyProvider
from .threshold import Threshold
from .timed import untimed

if TYPE_CHECKING:
    from .saving import PolicyFile

log = logging.getLogger("automix")


@dataclass(frozen=True, slots=True)
class Live:
    """What of a cascade a saved policy is compared with; None where it is not known, and nothing is compared.

    `prompt` is the digest of the checking prompt, "" where a verifier of the user's own checks, `k` the most verdicts
    drawn on a draft, `signals` the names of those that can be had, paid ones included.
    """

    names: Sequence[str] = ()
    prompt: str | None = None
    k: int | None = None
    signals: Collection[str] | None = None


UNKNOWN = Live()


def as_policy(policy: Any, models: int, live: Live = UNKNOWN) -> Policy:
    """The policy of a cascade of `models`: itself, the one saved at a path, the one in plain data, or the default.

    What a file was fitted under and the `live` cascade is not (models' names, checking prompt, k, signals) is logged as
    a warning. Models match by place; if no name of the file's is the cascade's, the outcomes were collected under names
    of the user's own ("small", "large"), and that is only said at level INFO.

    Raises `ConfigError` for anything else, `PolicyError` if the file can't be read or the policy was made for another
    number of models.
    """
    if policy is None:
        return Threshold()
    if isinstance(policy, str) and not policy.strip():
        raise ConfigError(
            "policy is an empty path; give the path of a saved policy, a policy such as Threshold(0.75), or None for "
            "the default."
        )
    if isinstance(policy, str | os.PathLike):
        return load_matching(policy, models, live).policy
    if isinstance(policy, dict):
        from .record import policy_of

        policy = policy_of(policy)
    if not isinstance(policy, Policy) or isinstance(policy, type):
        raise ConfigError(f"policy must be a policy or the path of a saved one, not {policy!r}.")
    check_models(policy, models)
    return policy


def as_provider(policy: Any, models: int, live: Live = UNKNOWN) -> PolicyProvider:
    """What provides the policy of each call: `policy` if it does so itself, else what `as_policy` makes of it.

    Raises as `as_policy` does.
    """
    if isinstance(policy, PolicyProvider) and not isinstance(policy, type):
        check_models(policy.policy(), models)
        if callable(held := getattr(policy, "check_models", None)):
            held(models)
        if callable(serve := getattr(policy, "serve", None)):  # one that reads a file compares it with the cascade
            serve(models, live)
        return policy
    return Fixed(as_policy(policy, models, live))


def load_matching(path: str | os.PathLike[str], models: int, live: Live = UNKNOWN) -> PolicyFile:
    """The file of a saved policy for a cascade of `models`; what `as_policy` says of files holds."""
    from .saving import load_policy_file  # built at import; most callers load nothing

    file = load_policy_file(path)
    compare(file, path, models, live)
    return file


def compare(file: PolicyFile, path: str | os.PathLike[str], models: int, live: Live) -> None:
    """Log what the policy read from `path` was made for and the cascade of `models` is not.

    Raises `PolicyError` if it was made for another number of models.
    """
    if file.models is not None and len(file.models) != models:
        raise PolicyError(
            f"{path} was made for {len(file.models)} models ({', '.join(file.models)}), the cascade has {models}"
            f"{' (' + ', '.join(live.names) + ')' if live.names else ''}: give the cascade those models, or collect "
            "and fit again."
        )
    try:
        check_models(file.policy, models)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None
    if file.models is not None and live.names and tuple(live.names) != file.models:
        level = logging.INFO if set(live.names).isdisjoint(file.models) else logging.WARNING
        made, here = ", ".join(file.models), ", ".join(live.names)
        said = (
            "%s was made for %s, the cascade has %s; models match by place: if these are others, collect and fit again."
        )
        log.log(level, said, path, made, here)
    for difference in differences(file, live):
        log.warning("%s %s", path, difference)


def differences(file: PolicyFile, live: Live) -> list[str]:
    """What the policy was fitted under and the cascade is not, and what to do: its tables tell of other checks then."""
    found: list[str] = []
    if isinstance(untimed(file.policy), Always):  # it asks nobody
        return found
    if None not in (file.k, live.k) and file.k != live.k:
        found.append(
            f"was fitted with {file.k} checks a draft, the cascade draws up to {live.k}: "
            f"give verifier=SelfVerifier(k={file.k}), or collect and fit again."
        )
    if file.prompt and live.prompt is not None and file.prompt != live.prompt:
        used = f"has another ({live.prompt[:8]})" if live.prompt else "checks with a verifier of your own"
        found.append(
            f"was fitted under the checking prompt {file.prompt[:8]}, the cascade {used}: "
            "use the instructions and examples it was fitted with, or collect and fit again."
        )
    wanted = {*getattr(file.policy, "signal_names", ()), *getattr(file.policy, "measures", ())}
    if live.signals is not None and (lacking := sorted(wanted.difference(live.signals))):
        found.append(f"uses the signals {', '.join(lacking)}, which the cascade does not have: name them in signals=.")
    return found
