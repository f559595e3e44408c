"""What went wrong, in OpenAI's form: the caller's fault, a limit of ours, or a model that failed.

What a provider said is not handed on, as it may name its keys or its users; the server's log has the error's type.
"""

from __future__ import annotations

from typing import Any

from automix_cli.serve.wire import problem
from automix_core.checking.refusal import status_of
from automix_core.errors import AutoMixError, ConfigError, CostLimitError, QueryError, TimeLimitError

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
}
_KINDS |= {413: "invalid_request_error", 429: "rate_limit_error"}


class RefusedError(Exception):
    """A request that is not answered: its status, its body in OpenAI's form, its headers."""

    def __init__(
        self, status: int, message: str, code: str | None = None, param: str | None = None, *, wait: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = problem(message, _KINDS.get(status, "server_error"), code, param)
        self.headers = {} if wait is None else {"retry-after": str(wait)}
        if status == 401:
            self.headers["www-authenticate"] = "Bearer"


def refusal_of(error: Exception) -> RefusedError:
    """How a caller is told that a call failed with `error`."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, QueryError | ConfigError):
        return RefusedError(400, str(error), "invalid_value")
    if isinstance(error, TimeLimitError):
        return RefusedError(504, str(error), "timeout")
    if isinstance(error, CostLimitError):
        return RefusedError(402, str(error), "cost_limit")
    if isinstance(error, AutoMixError):
        return RefusedError(500, str(error), "automix_error")
    status = status_of(error)
    said = f"A model of the cascade failed with {type(error).__name__}."
    if status in (400, 422):
        return RefusedError(400, f"{said} It refused the request.", "refused_by_model")
    if status == 429:
        return RefusedError(429, said, "model_rate_limit", wait=1)
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return RefusedError(504, said, "timeout")
    return RefusedError(502, said, "model_error")
