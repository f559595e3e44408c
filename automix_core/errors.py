"""Every error that AutoMix raises by itself.

    AutoMixError(RuntimeError)
    ├── ConfigError    the models, verifier, policy or prices given can't work
    ├── QueryError     a call carries no question, or no context where one is required
    ├── ModelError     a child model failed in a way its framework would have swallowed
    ├── DataError      a file of questions or outcomes can't be read (names file and line)
    ├── PolicyError    a policy file can't be read, or a policy doesn't fit the models
    ├── LimitError     a question's time or money ran out, and no draft could stand in
    │   ├── TimeLimitError
    │   └── CostLimitError
    └── EngineError    the embedded engine or its weights are missing or broken

They derive from `RuntimeError` on purpose: LlamaIndex's default synthesizers turn `ValueError`, `TypeError` and
`ValidationError` into the answer "Empty Response". Errors of child models otherwise pass through untouched, so that
`with_retry` and `with_fallbacks` go on working.
"""


class AutoMixError(RuntimeError):
    """Base of all errors raised by AutoMix."""


class ConfigError(AutoMixError):
    """The configuration can't work; the message says which part and what to do."""


class QueryError(AutoMixError):
    """A call can't be routed: no question, or no context under `without_context="raise"`."""


class ModelError(AutoMixError):
    """A child model failed; raised from the original error, which is its `__cause__`."""


class DataError(AutoMixError):
    """A data file is wrong; the message names the file and the line."""


class PolicyError(AutoMixError):
    """A policy can't be read, or was made for another cascade."""


class EngineError(AutoMixError):
    """The embedded engine or its weights can't be used; the message names the other ways."""


class LimitError(AutoMixError):
    """What a question may take ran out, and there was no draft to return, or `when_out="raise"`."""


class TimeLimitError(LimitError, TimeoutError):
    """`timeout` ran out."""


class CostLimitError(LimitError):
    """The next step would have cost more than is left of `max_cost`."""
