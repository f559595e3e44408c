"""Requests and round trips of `Threshold(0.75)` by schedule of rounds, where each verdict is a request of its own.

`python -m benchmarks.schedules [--svg FILE]`. Exact: all sequences of eight verdicts are walked, each weighted by its
chance. The schedule of the cascade is the shipped code itself; the others are written here, and every schedule stops as
soon as nothing that is left can change the decision.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
from math import comb, inf, pi, sqrt
from pathlib import Path

from automix_core.decision import State, Tally, Verify
from automix_core.policies import Threshold
from automix_core.policies.rounds import ROUND, in_rounds
from automix_core.routing.effects import Batch

K = 8
POLICY = Threshold(0.75)
CHANCES = (0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
GRID = [(i + 0.5) / 200 for i in range(200)]

Schedule = Callable[[int, int], int]
"""From correct and incorrect verdicts so far to the size of the next round."""


@cache
def shipped(correct: int, incorrect: int, price: float) -> int:
    """What the cascade draws next when a round trip is worth `price` verdicts; 0: nothing more matters."""
    left = K - correct - incorrect
    if not left:
        return 0
    state = State((True, False), (Tally(correct, incorrect), Tally()), (left, K))
    action = in_rounds(POLICY, Batch(0, left, price)).decide(state).action
    return action.n if isinstance(action, Verify) else 0


def priced(price: float) -> Schedule:
    """The cascade's own schedule."""
    return lambda correct, incorrect: shipped(correct, incorrect, price)


def fixed(*sizes: int) -> Schedule:
    """Rounds of these sizes, then all that is left."""

    def size(correct: int, incorrect: int) -> int:
        drawn, so_far = correct + incorrect, 0
        for each in sizes:
            if so_far == drawn:
                return min(each, K - drawn)
            so_far += each
        return K - drawn

    return size


def least(correct: int, incorrect: int) -> int:
    """The fewest verdicts that could settle it."""
    sizes = range(1, K - correct - incorrect + 1)
    return next(b for b in sizes if any(not shipped(correct + c, incorrect + b - c, ROUND) for c in range(b + 1)))


SCHEDULES: dict[str, Schedule] = {
    "all at once": lambda correct, incorrect: K - correct - incorrect,
    "6, then the rest": fixed(6),
    "4, then the rest": fixed(4),
    "3, then the rest": fixed(3),
    "3, 3, 2": fixed(3, 3),
    "2, 2, 2, 2": fixed(2, 2, 2),
    "the fewest that could settle it": least,
    "one by one": lambda correct, incorrect: 1,
    "least price, a round trip at 4": priced(4.0),
    "least price, a round trip at 2": priced(2.0),
    "least price, a round trip at 1.5": priced(1.5),
    "least price, a round trip at 1 (the default)": priced(ROUND),
    "least price, a round trip at 0.5": priced(0.5),
}


def cost(schedule: Schedule, chance: float) -> tuple[float, float]:
    """Expected requests and round trips where a verdict is correct with `chance`."""

    @cache
    def ahead(correct: int, incorrect: int) -> tuple[float, float]:
        if not shipped(correct, incorrect, ROUND):
            return 0.0, 0.0
        size = schedule(correct, incorrect)
        requests, trips = float(size), 1.0
        for yes in range(size + 1):
            weight = comb(size, yes) * chance**yes * (1 - chance) ** (size - yes)
            later = ahead(correct + yes, incorrect + size - yes)
            requests, trips = requests + weight * later[0], trips + weight * later[1]
        return requests, trips

    return ahead(0, 0)


def average(schedule: Schedule) -> tuple[float, float]:
    """Over drafts whose verdicts are mostly alike: the chance spread as Beta(1/2, 1/2)."""
    weights = [1 / (pi * sqrt(p * (1 - p))) for p in GRID]
    costs = [cost(schedule, p) for p in GRID]
    whole = sum(weights)
    requests = sum(w * c[0] for w, c in zip(weights, costs, strict=True)) / whole
    return requests, sum(w * c[1] for w, c in zip(weights, costs, strict=True)) / whole


def table() -> str:
    """The table, in Markdown: share of the eight requests / round trips."""
    head = "| schedule | " + " | ".join(f"{chance:g}" for chance in CHANCES) + " | mixed |\n"
    lines = [head + "|---" * (len(CHANCES) + 2) + "|"]
    for name, schedule in SCHEDULES.items():
        cells = [*(cost(schedule, chance) for chance in CHANCES), average(schedule)]
        lines.append(f"| {name} | " + " | ".join(f"{r / K:.2f} / {t:.1f}" for r, t in cells) + " |")
    return "\n".join(lines)


def picture() -> str:
    """The frontier as an SVG: requests against round trips, averaged over the mixed drafts."""
    left, top, width, height = 60, 20, 520, 300
    points = {name: average(schedule) for name, schedule in SCHEDULES.items()}

    def at(requests: float, trips: float) -> tuple[float, float]:
        x = left + (trips - 1) / 4.5 * width
        return round(x, 1), round(top + (1 - (requests / K - 0.6) / 0.42) * height, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 60} {top + height + 60}" role="img" '
        'font-family="sans-serif" font-size="12">',
        "<title>Requests against round trips of Threshold(0.75) by schedule</title>",
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888"/>',
    ]
    for trips in range(1, 6):
        x, _ = at(K, trips)
        parts.append(f'<text x="{x}" y="{top + height + 18}" text-anchor="middle" fill="#888">{trips}</text>')
    for share in (0.6, 0.7, 0.8, 0.9, 1.0):
        _, y = at(share * K, 1)
        parts.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end" fill="#888">{share:.1f}</text>')
    middle = left + width / 2
    parts.append(
        f'<text x="{middle}" y="{top + height + 40}" text-anchor="middle" fill="#888">round trips a draft</text>'
    )
    parts.append(
        f'<text x="16" y="{top + height / 2}" text-anchor="middle" fill="#888" '
        f'transform="rotate(-90 16 {top + height / 2})">share of the eight requests</text>'
    )
    ours = sorted((point for name, point in points.items() if name.startswith("least price")), key=lambda p: p[1])
    line = " ".join(f"{x},{y}" for x, y in (at(*point) for point in [points["all at once"], *ours]))
    parts.append(f'<polyline points="{line}" fill="none" stroke="#2a7ae2" stroke-width="2"/>')
    for name, point in points.items():
        x, y = at(*point)
        mine = name.startswith("least price")
        default = "default" in name
        parts.append(f'<circle cx="{x}" cy="{y}" r="{7 if default else 4}" fill="{"#2a7ae2" if mine else "#d9822b"}"/>')
        label = "the default" if default else "" if mine else name
        parts.append(f'<text x="{x + 9}" y="{y - 5}" fill="#888">{label}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Print the table; write the picture where it is wanted."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--svg", type=Path, help="write the frontier as a picture")
    given = arguments.parse_args()
    print(table())
    if given.svg:
        given.svg.write_text(picture())


if __name__ == "__main__":
    assert shipped(0, 0, inf) == K
    main()
