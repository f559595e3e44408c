"""AutoMix for LangChain: a chat model that answers small, checks itself, and pays for a larger model when it must.

The names in `__all__` are the public ones; the modules behind them may change.
"""

from automix_core.audit.audit import Audit
from automix_core.routing.attached import route_of
from automix_core.routing.collecting import collect_routes

from .chat_model.automix_chat_model import AutoMixChatModel
from .meta_verifier import MetaVerifier
from .query.prompt import with_context
from .verifier.self_verifier import SelfVerifier
from .verifier.token_verifier import TokenVerifier

__all__ = [
    "Audit",
    "AutoMixChatModel",
    "MetaVerifier",
    "SelfVerifier",
    "TokenVerifier",
    "collect_routes",
    "route_of",
    "with_context",
]
