"""The weights of the embedded models: which there are, where they are found, how they are fetched."""

from automix_cli.weights.cache import cache_folder
from automix_cli.weights.consent import asking
from automix_cli.weights.fetch import OTHER_WAYS
from automix_cli.weights.find import describe, ensure, find, given_folder, missing
from automix_cli.weights.registry import DEFAULT_PAIR, MODELS, TINY_PAIR, Weights, Wheel, model

__all__ = [
    "DEFAULT_PAIR",
    "MODELS",
    "OTHER_WAYS",
    "TINY_PAIR",
    "Weights",
    "Wheel",
    "asking",
    "cache_folder",
    "describe",
    "ensure",
    "find",
    "given_folder",
    "missing",
    "model",
]
