"""AutoMix for LlamaIndex: `AutoMixLLM(models=[small, large])` in the place of an LLM, and nothing else changes."""

from automix_core.collecting import collect_routes

from .events import AutoMixRoutingEvent
from .llm import AutoMixLLM
from .requests import route_of
from .verifier import SelfVerifier

__all__ = ["AutoMixLLM", "AutoMixRoutingEvent", "SelfVerifier", "collect_routes", "route_of"]
