"""How pictures look, in both themes: colours that are told apart on light and dark ground, and by the colour-blind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

OURS = "#d1495b"
MODELS = ("#2a9d8f", "#4878d0", "#8d6cc3", "#7a8f3c", "#b07aa1")
CHECKS, SIGNALS, QUIET = "#e09f3e", "#b565c9", "#8a93a6"

CLEAR = "rgba(0,0,0,0)"


def colour(model: int) -> str:
    """The colour of a model."""
    return MODELS[model % len(MODELS)]


def drawn(traces: Sequence[Any], **layout: Any) -> dict[str, Any]:
    """A picture as plotly's script takes it; the page gives its text and lines the colours of the theme."""
    usual = {
        "template": go.layout.Template(),
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": 56, "r": 16, "t": 16, "b": 56},
        "dragmode": False,
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "xanchor": "left"},
        "font": {"family": "system-ui, sans-serif", "size": 13},
    }
    plot = go.Figure(list(traces), {**usual, **layout})
    found: dict[str, Any] = json.loads(plot.to_json())
    return found


def axis(title: str, **settings: Any) -> dict[str, Any]:
    """An axis with its title, which neither dragging nor a wheel moves."""
    return {"title": {"text": title}, "fixedrange": True, "automargin": True, "zeroline": False, **settings}


def errors(mean: Sequence[float], low: Sequence[float], high: Sequence[float], faint: bool = False) -> dict[str, Any]:
    """Bars from `low` to `high` around `mean`."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, h - m) for m, h in zip(mean, high, strict=True)],
        "arrayminus": [max(0.0, m - b) for m, b in zip(mean, low, strict=True)],
        "thickness": 1 if faint else 1.6,
        "width": 0 if faint else 4,
    }
