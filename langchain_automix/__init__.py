"""AutoMix for LangChain: a chat model that answers small, checks itself, and pays for a larger model when it must."""

from automix_core.collecting import collect_routes

from .chat_model import AutoMixChatModel
from .context import with_context
from .meta_verifier import MetaVerifier
from .records import route_of
from .verifier import SelfVerifier

__all__ = ["AutoMixChatModel", "MetaVerifier", "SelfVerifier", "collect_routes", "route_of", "with_context"]
