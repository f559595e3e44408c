"""The keywords of `AutoMixLLM`, for type checkers: what `from_config` takes beside its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.llm import LLM
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import BaseOutputParser, PydanticProgramMode

from automix_core.cascade_file.keywords import Keywords
from automix_core.checking.custom import CheckFunction
from automix_core.checking.measuring import Measurement

from ..verifier.self_verifier import SelfVerifier


class Settings(Keywords, total=False):
    """With what both frameworks have, the constructor's signature once more; a test holds the two equal."""

    models: Sequence[LLM]
    verifier: SelfVerifier | CheckFunction | None
    auxiliary: Literal["large", "small"] | None
    context_window: int | None
    context_extractor: Callable[[Sequence[ChatMessage]], Any] | None
    callback_manager: CallbackManager | None
    rate_limiter: Any
    system_prompt: str | None
    messages_to_prompt: Callable[[Sequence[ChatMessage]], str] | None
    completion_to_prompt: Callable[[str], str] | None
    output_parser: BaseOutputParser | None
    pydantic_program_mode: PydanticProgramMode
    query_wrapper_prompt: BasePromptTemplate | None
    measures: Mapping[str, SelfVerifier | Measurement | int] | None
