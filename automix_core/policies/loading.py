"""The policy of a cascade, from whatever was given for it, and whether it was made for that many models."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..decision import Policy, check_models
from ..errors import ConfigError, PolicyError
from .threshold import Threshold

if TYPE_CHECKING:
    from .saving import PolicyFile

log = logging.getLogger("automix")


def as_policy(policy: Any, models: int, names: Sequence[str] = ()) -> Policy:
    """The policy of a cascade of `models`: itself, the one saved at a path, the one in plain data, or the default.

    Models match by place. `names` are the cascade's, where they are known: that a file names others is logged. It is a
    warning if some of the file's names are the cascade's too; if none is, the outcomes were collected under names of
    the user's own ("small", "large"), and it is only said at level INFO.

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
        return load_matching(policy, models, names).policy
    if isinstance(policy, dict):
        from .record import policy_of

        policy = policy_of(policy)
    if not isinstance(policy, Policy) or isinstance(policy, type):
        raise ConfigError(f"policy must be a policy or the path of a saved one, not {policy!r}.")
    check_models(policy, models)
    return policy


def load_matching(path: str | os.PathLike[str], models: int, names: Sequence[str] = ()) -> PolicyFile:
    """The file of a saved policy for a cascade of `models`; what `as_policy` says of files holds."""
    from .saving import load_policy_file  # built at import; most callers load nothing

    file = load_policy_file(path)
    if file.models is not None and len(file.models) != models:
        raise PolicyError(
            f"{path} was made for {len(file.models)} models ({', '.join(file.models)}), the cascade has {models}"
            f"{' (' + ', '.join(names) + ')' if names else ''}."
        )
    try:
        check_models(file.policy, models)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from None
    if file.models is not None and names and tuple(names) != file.models:
        level = logging.INFO if set(names).isdisjoint(file.models) else logging.WARNING
        made, live = ", ".join(file.models), ", ".join(names)
        log.log(level, "%s was made for %s, the cascade has %s; models match by place.", path, made, live)
    return file
