"""The page that `automix evaluate --report` writes: one file, no script, nothing fetched."""

from __future__ import annotations

from html import escape
from typing import Any

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _EDGE = 640, 380, 64, 44, 16

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 720px; margin: 2rem auto; padding: 0 1rem; color: #1d2330; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .25rem .9rem .25rem 0; text-align: right; }
td:first-child, th:first-child { text-align: left; } th { border-bottom: 1px solid #aab; font-weight: 600; }
svg { width: 100%; height: auto; } text { font: 12px system-ui, sans-serif; fill: #445; } .note { color: #7a4b00; }
@media (prefers-color-scheme: dark) {
body { background: #14171d; color: #e4e7ee; } text { fill: #aab2c3; } .note { color: #f0b865; }
}
"""


def page(facts: dict[str, Any], policy: str, names: list[str]) -> str:
    """The figures of `automix evaluate --json` as an HTML page."""
    parts = [
        f"<h1>{escape(policy)}</h1>",
        f"<p>{facts['n']} outcomes of {escape(', '.join(names))}{', in sample' if facts['in_sample'] else ''}.</p>",
        *(f'<p class="note">{escape(warning)}</p>' for warning in facts["warnings"]),
        "<h2>Cost and quality</h2>",
        _curve(facts),
        _table(["", "performance", "cost"], _singles(facts)),
        "<h2>Figures</h2>",
        _table(["", "mean", "95 % interval"], _figures(facts)),
        *_reliability(facts),
    ]
    head = f'<meta charset="utf-8"><title>{escape(policy)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _singles(facts: dict[str, Any]) -> list[list[str]]:
    rows = [["this policy", f"{facts['performance']:.4f}", f"{facts['cost']:.4g}"]]
    return rows + [
        [name, f"{single['performance']:.4f}", f"{single['cost']:.4g}"] for name, single in facts["baselines"].items()
    ]


def _figures(facts: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name in ("performance", "cost", "ibc", "delta_ibc", "gap_recovered"):
        found = facts["intervals"].get(name)
        value = "undefined" if facts[name] is None else f"{facts[name]:.4g}"
        rows.append([name, value, "" if found is None else f"{found['low']:.4g} to {found['high']:.4g}"])
    for name in ("route_share", "verdicts_per_query", "exhausted"):
        rows.append([name, f"{facts[name]:.4g}", ""])
    return rows


def _reliability(facts: dict[str, Any]) -> list[str]:
    parts = []
    for checked in facts["reliability"]:
        bins = [[f"{b['confidence']:.2f}", f"{b['score']:.3f}", str(b["n"])] for b in checked["bins"]]
        auroc = "undefined" if checked["auroc"] is None else f"{checked['auroc']:.3f}"
        alone = checked["lexical"]
        words = f"AUROC {auroc}, calibration error {checked['error']:.3f}, {checked['unreadable']:.1%} unreadable."
        if alone is not None:
            words += (
                f" Words alone, on the same drafts: {alone['mean']:.2f} ({alone['low']:.2f} to {alone['high']:.2f})."
            )
        parts += [f"<h2>Checks of {escape(checked['model'])}</h2><p>{words}</p>"]
        parts += [_table(["confidence", "mean score", "drafts"], bins)]
    return parts


def _table(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _curve(facts: dict[str, Any]) -> str:
    spots = [*facts["curve"], {"policy": "this policy", "cost": facts["cost"], "performance": facts["performance"]}]
    low, high = min(s["cost"] for s in spots), max(s["cost"] for s in spots)
    worst, best = min(s["performance"] for s in spots), max(s["performance"] for s in spots)

    def place(spot: dict[str, Any]) -> tuple[float, float]:
        x = (spot["cost"] - low) / ((high - low) or 1)
        y = (spot["performance"] - worst) / ((best - worst) or 1)
        return _LEFT + x * (_WIDTH - _LEFT - _EDGE), _HEIGHT - _BOTTOM - y * (_HEIGHT - _BOTTOM - _EDGE)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, facts["hull"]))
    singles = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, _ends(facts)))
    dots = "".join(_dot(*place(spot), spot) for spot in spots)
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _EDGE
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="cost against performance">'
        f'<path d="M{_LEFT} {_EDGE}V{bottom}H{right}" fill="none" stroke="#8891a5"/>'
        f'<polyline points="{singles}" fill="none" stroke="#8891a5" stroke-dasharray="4 4"/>'
        f'<polyline points="{line}" fill="none" stroke="#2f6fde" stroke-width="2"/>{dots}'
        f'<text x="{_LEFT}" y="{bottom + 18}">{low:.4g}</text>'
        f'<text x="{right}" y="{bottom + 18}" text-anchor="end">{high:.4g}</text>'
        f'<text x="{(_LEFT + right) / 2}" y="{bottom + 34}" text-anchor="middle">mean cost of a question</text>'
        f'<text x="{_LEFT - 8}" y="{bottom}" text-anchor="end">{worst:.3f}</text>'
        f'<text x="{_LEFT - 8}" y="{_EDGE + 8}" text-anchor="end">{best:.3f}</text></svg>'
        "<p>Solid: the hull of this kind of policy. Dashed: mixing the single models at random.</p>"
    )


def _ends(facts: dict[str, Any]) -> list[dict[str, Any]]:
    singles = list(facts["baselines"].values())
    return [singles[0], singles[-1]]


def _dot(x: float, y: float, spot: dict[str, Any]) -> str:
    mine = spot["policy"] == "this policy"
    title = f"{spot['policy']}: performance {spot['performance']:.4f}, cost {spot['cost']:.4g}"
    colour, radius = ("#d4572a", 6) if mine else ("#2f6fde", 3.5)
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"><title>{escape(title)}</title></circle>'
