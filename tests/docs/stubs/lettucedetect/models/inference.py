"""`lettucedetect.models.inference` (0.2.3) as the recipes use it."""

from __future__ import annotations

import re
from typing import Any


class HallucinationDetector:
    def __init__(self, method: str = "transformer", **kwargs: Any) -> None:
        assert method == "transformer"
        assert set(kwargs) == {"model_path"}

    def predict(
        self,
        context: list[str],
        answer: str,
        question: str | None = None,
        output_format: str = "tokens",
        min_confidence: float = 0.0,
    ) -> list[dict[str, Any]]:
        """Each token of the answer, and how likely the passages don't support it."""
        assert isinstance(context, list)
        assert output_format == "tokens"
        known = set(re.findall(r"\d+", " ".join(context)))
        probs = [(word, 0.97 if word.isdigit() and word not in known else 0.01) for word in answer.split()]
        return [{"token": word, "pred": int(prob > 0.5), "prob": prob} for word, prob in probs]
