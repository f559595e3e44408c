"""AutoMix for LlamaIndex: `AutoMixLLM(models=[small, large])` in the place of an LLM, and nothing else changes.

The names in `__all__` are the public ones; the modules behind them may change.
"""

from automix_core.audit.audit import Audit
from automix_core.routing.attached import route_of
from automix_core.routing.collecting import collect_routes

from .events import AutoMixRoutingEvent
from .llm.automix_llm import AutoMixLLM
from .verifier.self_verifier import SelfVerifier
from .verifier.token_verifier import TokenVerifier

__all__ = ["Audit", "AutoMixLLM", "AutoMixRoutingEvent", "SelfVerifier", "TokenVerifier", "collect_routes", "route_of"]
