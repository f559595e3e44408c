"""`minicheck.minicheck` of github.com/Liyan06/MiniCheck as the recipes use it."""

from __future__ import annotations

import re

_MODELS = ("roberta-large", "deberta-v3-large", "flan-t5-large", "Bespoke-MiniCheck-7B")


class MiniCheck:
    def __init__(
        self,
        model_name: str = "Bespoke-MiniCheck-7B",
        max_model_len: int | None = None,
        batch_size: int = 16,
        device: str = "cpu",
        cache_dir: str | None = None,
        tensor_parallel_size: int = 1,
        max_tokens: int = 1,
        enable_prefix_caching: bool = False,
    ) -> None:
        assert model_name in _MODELS
        assert device in ("cpu", "cuda")

    def score(
        self, docs: list[str], claims: list[str], chunk_size: int | None = None
    ) -> tuple[list[int], list[float], list[list[str]], list[list[float]]]:
        """Labels, probabilities of "supported", the chunks of each document and the probability for each chunk."""
        assert isinstance(docs, list)
        assert isinstance(claims, list)
        made_up = [set(re.findall(r"\d+", c)) - set(re.findall(r"\d+", d)) for d, c in zip(docs, claims, strict=True)]
        found = [0.01 if numbers else 0.98 for numbers in made_up]
        return [int(prob > 0.5) for prob in found], found, [[doc] for doc in docs], [[prob] for prob in found]
