"""`transformers` as the recipes use it: its names, and the `predict` of HHEM's own code on the hub."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np


class _HHEM:
    """`vectara/hallucination_evaluation_model`: pairs of premise and hypothesis to consistency scores, as a tensor."""

    def predict(self, text_pairs: Sequence[tuple[str, str]]) -> Any:
        assert all(len(pair) == 2 for pair in text_pairs)
        made_up = [set(re.findall(r"\d+", claim)) - set(re.findall(r"\d+", text)) for text, claim in text_pairs]
        return np.array([0.02 if numbers else 0.98 for numbers in made_up], dtype=np.float32)


class AutoModelForSequenceClassification:
    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str, **kwargs: Any) -> _HHEM:
        assert pretrained_model_name_or_path == "vectara/hallucination_evaluation_model"
        assert kwargs["trust_remote_code"] is True, "its code is on the hub"
        return _HHEM()
