"""In words, from the two ledgers of this run: when AutoMix loses here, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def on_time(measured: Mapping[str, Any], names: Sequence[str]) -> str:
    """Whether the cascade was slower or faster than the large model alone, and where the time went."""
    seconds, alone, questions = measured["seconds"], measured["always_large"], measured["questions"]
    mean, own, large = seconds["per_question"], alone["seconds_per_question"], names[-1]
    if mean is None or own is None or alone["failed"]:
        return f"{large} alone failed on {alone['failed']} of {questions}, so this run can't tell which is faster."
    before = (seconds["by_step"]["draft"] + seconds["by_step"]["verify"]) / questions
    spared = own - seconds["by_step"]["answer"] / questions
    word = "loses" if mean > own else "saves"
    gain = f"{spared:.1f} s" if spared >= 0.05 else "none"
    return (
        f"AutoMix {word} time here: {mean:.1f} s a question, {large} alone {own:.1f} s. Drafts and checks took "
        f"{before:.1f} s of it, and spared {gain} of {large}'s work."
    )


def on_price(priced: Mapping[str, Any], names: Sequence[str]) -> str:
    """Whether the cascade was cheaper than the large model alone, and from which price ratio on it is."""
    large, saved, even = names[-1], priced["saved"], priced["break_even_ratio"]
    if saved is None:
        return "A model failed alone or its tokens were not reported, so this run can't be priced."
    if priced["saved_share"] is None:
        return f"At these prices {large} alone costs nothing, so there is nothing to save."
    share = priced["saved_share"]
    words = "as much as" if saved == 0 else f"{100 * abs(share):.0f} % {'less' if saved > 0 else 'more'} than"
    said = f"At these prices AutoMix costs {words} {large} alone"
    if even is None:
        return f"{said}; it saves at no price here, as {large} read and wrote as much within the cascade as alone."
    return f"{said}; on this run it pays where a token of {large} costs more than {even:.1f} of {names[0]}'s."


def on_quality(measured: Mapping[str, Any], names: Sequence[str]) -> str:
    """How many answers were right each way; empty where no expected facts are known."""
    right = measured["right"]
    if not right["of"]:
        return ""
    ways = ((f"{names[0]} alone", "always_small"), ("AutoMix", "cascade"), (f"{names[-1]} alone", "always_large"))
    said = ", ".join(f"{name} {'?' if right[way] is None else right[way]}" for name, way in ways)
    passed, sent = right["wrong_kept"], right["right_escalated"]
    drafts, ones = f"{passed or 'no'} wrong draft{'s' * (passed != 1)}", f"{sent or 'no'} right one{'s' * (sent != 1)}"
    return f"Right answers of {right['of']}: {said}. The checks let {drafts} pass and sent {ones} on."
