"""`AutoMixLLM`: a cascade that stands wherever a LlamaIndex LLM stands; tools go whole to its largest model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, cast

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.callbacks import CallbackManager
from llama_index.core.llms.llm import LLM, ToolSelection
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import BaseOutputParser, PydanticProgramMode
from pydantic import BaseModel

from automix_core.audit.audit import Audit
from automix_core.checking.custom import CheckFunction
from automix_core.checking.limiter import Limiter, RateLimiter
from automix_core.checking.measuring import Measurement
from automix_core.checking.query import Query
from automix_core.decision import Policy
from automix_core.errors import ConfigError
from automix_core.keywords import spelt_out
from automix_core.policies.provider import PolicyProvider
from automix_core.routing.breaker import Breaker
from automix_core.routing.limits import OnLastFailure, WhenOut
from automix_core.routing.price import Price

from ..call import Call
from ..request.tools import MethodRequest, ToolRequest
from ..verifier.self_verifier import SelfVerifier
from .structured import AutoMixStructuredLLM
from .templates import PromptingLLM

if TYPE_CHECKING:
    from llama_index.core.chat_engine.types import AgentChatResponse
    from llama_index.core.tools.types import BaseTool

WHOLE = "Tools go whole to one model."


class AutoMixLLM(PromptingLLM):
    """A small model answers and checks itself; a larger one is paid when the policy says so.

        llm = AutoMixLLM(models=[small, large])
        engine = index.as_query_engine(llm=llm)

    Questions with a context are drafted, checked and escalated. Everything else (condensing, selecting, extracting,
    judging, tools) goes to one model. The route of a call is in the response's `additional_kwargs["automix"]`, in the
    instrumentation event `AutoMixRoutingEvent` and in `collect_routes`. Raises `ConfigError` for a configuration that
    can't work; keywords that it doesn't know are ignored with a warning, as frameworks pass their own.
    """

    @spelt_out
    def __init__(
        self,
        models: Sequence[LLM],
        verifier: SelfVerifier | CheckFunction | None = None,
        policy: Policy | PolicyProvider | str | PathLike[str] | None = None,
        prices: Sequence[Price | None] | None = None,
        *,
        without_context: Literal["prompt", "large", "small", "raise"] = "large",
        errands: Literal["large", "small"] = "large",
        auxiliary: Literal["large", "small"] | None = None,
        only_errands: bool = False,
        on_failure: Literal["next", "raise"] = "next",
        timeout: float | None = None,
        max_cost: float | None = None,
        when_out: WhenOut = "draft",
        on_last_failure: OnLastFailure = "raise",
        breaker: Breaker | None = None,
        limiter: int | Limiter | RateLimiter | None = None,
        hedge: bool = False,
        passage_budget: int | None = None,
        verify_concurrency: int = 8,
        structured_output: Literal["cascade", "large"] = "cascade",
        context_window: int | None = None,
        context_extractor: Callable[[Sequence[ChatMessage]], Any] | None = None,
        should_verify: Callable[[Query], bool] | None = None,
        signals: Literal["auto"] | Sequence[str] = "auto",
        measures: Mapping[str, SelfVerifier | Measurement | int] | None = None,
        audit: Audit | None = None,
        callback_manager: CallbackManager | None = None,
        rate_limiter: Any = None,
        system_prompt: str | None = None,
        messages_to_prompt: Callable[[Sequence[ChatMessage]], str] | None = None,
        completion_to_prompt: Callable[[str], str] | None = None,
        output_parser: BaseOutputParser | None = None,
        pydantic_program_mode: PydanticProgramMode = PydanticProgramMode.DEFAULT,
        query_wrapper_prompt: BasePromptTemplate | None = None,
    ) -> None: ...

    @classmethod
    def class_name(cls) -> str:
        """The name used in serialization."""
        return "automix_llm"

    def chat_with_tools(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> ChatResponse:
        """A turn with tools, by the largest model."""
        return cast("ChatResponse", self._tools(tools, args, kwargs).answer())

    async def achat_with_tools(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> ChatResponse:
        """`chat_with_tools`, awaited."""
        return cast("ChatResponse", await self._tools(tools, args, kwargs).aanswer())

    def stream_chat_with_tools(self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any) -> ChatResponseGen:
        """A turn with tools as it comes, by the largest model."""
        return self._tools(tools, args, kwargs).stream()

    async def astream_chat_with_tools(
        self, tools: Sequence[BaseTool], *args: Any, **kwargs: Any
    ) -> ChatResponseAsyncGen:
        """`stream_chat_with_tools`, awaited."""
        return await self._tools(tools, args, kwargs).astream()

    def predict_and_call(self, *args: Any, **kwargs: Any) -> AgentChatResponse:
        """Let the largest model choose tools, and call them."""
        request = MethodRequest("predict_and_call", args, kwargs)
        return cast("AgentChatResponse", self._whole(request, WHOLE).answer().made)

    async def apredict_and_call(self, *args: Any, **kwargs: Any) -> AgentChatResponse:
        """`predict_and_call`, awaited."""
        request = MethodRequest("predict_and_call", args, kwargs)
        return cast("AgentChatResponse", (await self._whole(request, WHOLE).aanswer()).made)

    def get_tool_calls_from_response(self, response: ChatResponse, *args: Any, **kwargs: Any) -> list[ToolSelection]:
        """The tool calls in a response, as the model that wrote it reads them."""
        calls: list[ToolSelection] = self._tool_model.get_tool_calls_from_response(response, *args, **kwargs)
        return calls

    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> AutoMixStructuredLLM:
        """An LLM all of whose answers are objects of `output_cls`, routed like this one's."""
        return AutoMixStructuredLLM(llm=self, output_cls=output_cls, **kwargs)

    def _tools(self, tools: Sequence[Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Call:
        self._tool_model  # noqa: B018 - raises if it can't
        return self._whole(ToolRequest(tools, args, kwargs), WHOLE)

    @property
    def _tool_model(self) -> Any:
        if not hasattr(self.large, "chat_with_tools"):
            raise ConfigError(f"models[{len(self.models) - 1}] ({type(self.large).__name__}) can't call tools.")
        return self.large

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        prepared: dict[str, Any] = self._tool_model._prepare_chat_with_tools_compat(
            tools,
            user_msg=user_msg,
            chat_history=chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            tool_required=tool_required,
            **kwargs,
        )
        return prepared
