"""Outcomes of calls that a policy is not asked about are left out where policies are fitted and judged."""

from __future__ import annotations

from automix_core.outcomes.outcome import Outcome


def routed(records: list[Outcome]) -> tuple[list[Outcome], list[str]]:
    """The outcomes that policies are about, and a sentence where others were left out."""
    kept = [record for record in records if record.routed]
    if len(kept) == len(records):
        return records, []
    left = len(records) - len(kept)
    return kept, [f"{left} outcomes of calls without context are left out: no policy is asked about those."]
