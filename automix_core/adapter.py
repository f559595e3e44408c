"""What another framework's adapter is built from: the procedure, its effects, and what stands around a check.

A framework is adapted by performing three effects (`Decide`, `Draft`, `Check`) with its own models; all rules are in
`route`. `automix_core.testing.AdapterContract` says whether it was done right. These names may change between minor
versions, with a line in the changelog.
"""

from .checking.drawing import adraw, draw
from .checking.finish import problem
from .checking.once import once
from .checking.passing import Asked, passed
from .checking.query import Query, passages, read_coin
from .checking.refusal import Memory, memory_of
from .checking.results import cut_to_window, read_result
from .checking.sampling import Choices, Sample, Terms, Wanted, sampling
from .checking.thoughts import final_text, spoken
from .checking.transcript import transcript, whole_prompt
from .checking.turns import as_text, turns
from .checking.verdict import count, read_verdict
from .keywords import ignore_unknown, spelt_out
from .policies.loading import Live, as_policy
from .policies.rounds import in_rounds, round_price
from .routing.attached import attach, route_of
from .routing.collecting import collect, collect_routes, collectors
from .routing.counting import counted
from .routing.drivers import afinish, arun, finish, run
from .routing.effects import Check, Checks, Decide, Effect, Reply, Result
from .routing.ending import Ending, ending_of
from .routing.procedure import bypass, route
from .routing.route import settle
from .routing.streaming import Streamed
from .usage import Usage

__all__ = [
    "Asked",
    "Check",
    "Checks",
    "Choices",
    "Decide",
    "Effect",
    "Ending",
    "Live",
    "Memory",
    "Query",
    "Reply",
    "Result",
    "Sample",
    "Streamed",
    "Terms",
    "Usage",
    "Wanted",
    "adraw",
    "afinish",
    "arun",
    "as_policy",
    "as_text",
    "attach",
    "bypass",
    "collect",
    "collect_routes",
    "collectors",
    "count",
    "counted",
    "cut_to_window",
    "draw",
    "ending_of",
    "final_text",
    "finish",
    "ignore_unknown",
    "in_rounds",
    "memory_of",
    "once",
    "passages",
    "passed",
    "problem",
    "read_coin",
    "read_result",
    "read_verdict",
    "round_price",
    "route",
    "route_of",
    "run",
    "sampling",
    "settle",
    "spelt_out",
    "spoken",
    "transcript",
    "turns",
    "whole_prompt",
]
