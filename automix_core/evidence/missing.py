"""What is said where a signal that the policy uses is missing."""

from __future__ import annotations

import logging
from collections.abc import Mapping

log = logging.getLogger("automix")

_said: set[tuple[str, ...]] = set()


def warn_missing(policy: object, model: int, signals: Mapping[str, float]) -> None:
    """Log, once for each set of names, the signals that `policy` was fitted with and that a draft of `model` lacks.

    The policy then uses the estimator that was fitted without them; none is imputed.
    """
    missing = getattr(policy, "missing", None)
    names: tuple[str, ...] = missing(model, signals) if callable(missing) else ()
    if names and names not in _said:
        _said.add(names)
        log.warning(
            "The policy was fitted with the signals %s, which drafts of model %d lack; it goes by what is known "
            "without them. Name them in signals=, or fit again without them.",
            ", ".join(names),
            model,
        )
