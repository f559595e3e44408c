"""Who is told that a call is over: the open collectors, the log, and OpenTelemetry's meters where there are any."""

from __future__ import annotations

import logging
from typing import TypeAlias

from .collecting import Collectors, collect
from .route import Route
from .telemetry import count

Fact: TypeAlias = str | float

log = logging.getLogger("automix")


def tell(route: Route, into: Collectors) -> None:
    """Hand the route of a finished call to the collectors `into`, to a line of the log at INFO, and to the meters."""
    collect(route, into)
    if log.isEnabledFor(logging.INFO):
        told = {"automix_id": route.id, "automix_model": route.model_name or route.model, **facts(route)}
        told |= {} if route.seconds is None else {"automix_seconds": route.seconds}
        log.info(" ".join(f"{name}={_shown(value)}" for name, value in told.items()), extra=told)
    count(route)


def facts(route: Route) -> dict[str, Fact]:
    """What dashboards chart of a call, as metadata of its run: `automix_action`, `automix_cost_usd`,
    `automix_saved_usd`, `automix_evidence`. What is unknown is left out, never 0. No text of the call is in it.
    """
    known = {
        "automix_action": route.action,
        "automix_cost_usd": route.cost["total"],
        "automix_saved_usd": route.cost["saved"],
        "automix_evidence": route.evidence,
    }
    return {name: value for name, value in known.items() if value is not None}


def _shown(value: Fact) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) and value.isprintable() and " " not in value else repr(value)
