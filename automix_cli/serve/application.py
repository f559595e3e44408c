"""The endpoint itself: who may ask, what is answered, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from automix_cli.serve.failures import RefusedError, refusal_of
from automix_cli.serve.metrics import Metrics
from automix_cli.serve.traffic import Traffic
from automix_cli.serve.wire import ChatBody, call_pieces, closing, completion, finish_reason, piece, text_of

if TYPE_CHECKING:
    from langchain_automix import AutoMixChatModel

T = TypeVar("T")

log = logging.getLogger("automix")


def application(
    cascades: Mapping[str, AutoMixChatModel], traffic: Traffic, shared_metrics: str | None = None
) -> FastAPI:
    """The ASGI application that serves `cascades` by name within the limits of `traffic`.

    `shared_metrics` is the folder through which several workers share what they count.
    """
    metrics = Metrics(shared_metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        traffic.closing = True

    app = FastAPI(title="AutoMix", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> JSONResponse:
        metrics.refused(error.status)
        return JSONResponse(error.body, error.status, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def no_such(request: Request, error: HTTPException) -> JSONResponse:
        said = f"There is no {request.method} {request.url.path} here."
        return await refused(request, RefusedError(error.status_code, said, "unknown_url"))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> JSONResponse:
        return JSONResponse({"status": "closing" if traffic.closing else "ready"}, 503 if traffic.closing else 200)

    @app.get("/metrics")
    async def told(request: Request) -> Response:
        _caller(request, traffic)
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models(request: Request) -> dict[str, Any]:
        _caller(request, traffic)
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "automix"} for name in cascades]
        return {"object": "list", "data": listed}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        caller = _caller(request, traffic)
        asked = _asked(await _body(request, traffic.most_bytes))
        cascade = cascades.get(asked.model)
        if cascade is None:
            known = ", ".join(cascades)
            raise RefusedError(
                404, f"There is no model {asked.model!r} here; there is {known}.", "model_not_found", "model"
            )
        messages = _messages(asked)
        if (seconds := traffic.wait(caller)) is not None:
            raise RefusedError(429, "Too many requests; come again later.", "rate_limit_exceeded", wait=seconds)
        identity, traffic.working = uuid4().hex, traffic.working + 1
        if asked.stream:
            pieces = _pieces(identity, asked, cascade, messages, metrics, traffic)
            return await _begun(request, pieces)
        try:
            message = await _unless_left(request, cascade.ainvoke(messages, **asked.settings()))
        except RefusedError:
            raise
        except Exception as error:
            metrics.failed(asked.model, error)
            raise refusal_of(error) from error
        finally:
            traffic.working -= 1
        metrics.answered(asked.model, message)
        body = completion(identity, asked.model, message)
        return JSONResponse(body, headers=_headers(body["automix"]))

    return app


def _caller(request: Request, traffic: Traffic) -> int:
    """Who asks. Raises `RefusedError` without a key that is known."""
    caller = traffic.keys.of(request.headers.get("authorization"))
    if caller is None:
        raise RefusedError(401, "The key is missing or wrong.", "invalid_api_key")
    return caller


async def _body(request: Request, most: int) -> bytes:
    """The body, no more of it than may be: refused by its length before it is read, and while it is read."""
    length = request.headers.get("content-length", "0")
    said = int(length) if length.isdigit() else 0
    parts, size = [], 0
    if said <= most:
        async for part in request.stream():
            size += len(part)
            if size > most:
                break
            parts.append(part)
    if max(said, size) > most:
        raise RefusedError(413, f"The request is larger than {most} bytes.", "request_too_large")
    return b"".join(parts)


def _asked(body: bytes) -> ChatBody:
    try:
        return ChatBody.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise RefusedError(400, f"{field or 'The request'}: {first['msg']}.", "invalid_value", field or None) from None
    except (ValueError, RecursionError):
        raise RefusedError(400, "The body of the request is not JSON.", "invalid_json") from None


def _messages(asked: ChatBody) -> list[Any]:
    from langchain_core.messages import convert_to_messages

    try:
        return list(convert_to_messages(asked.messages))
    except (ValueError, NotImplementedError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(400, f"messages: {str(error).splitlines()[0]}", "invalid_value", "messages") from None


def _headers(route: Mapping[str, Any] | None) -> dict[str, str]:
    """What proxies and logs can read of the route without the body."""
    if route is None:
        return {}
    return {
        "x-automix-route-id": route["id"],
        "x-automix-action": route["action"],
        "x-automix-model": str(route["model"]),
    }


async def _unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled when the caller hangs up, so that nobody pays for what nobody reads."""

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(left())
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise RefusedError(499, "The caller hung up.", "hung_up")
        return working.result()
    finally:
        watching.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))


async def _begun(request: Request, pieces: AsyncGenerator[str, None]) -> Response:
    """The stream, once its first piece is there: an error before it is an answer with a status of its own."""

    async def begin() -> str:
        return await anext(pieces)

    first = await _unless_left(request, begin())

    async def whole() -> AsyncIterator[str]:
        async with aclosing(pieces):
            yield first
            async for later in pieces:
                yield later

    headers = {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return StreamingResponse(whole(), media_type="text/event-stream", headers=headers)


async def _pieces(
    identity: str,
    asked: ChatBody,
    cascade: AutoMixChatModel,
    messages: list[Any],
    metrics: Metrics,
    traffic: Traffic,
) -> AsyncGenerator[str, None]:
    """Server-sent events: the answer as it comes, the route on the last piece of it, the usage if asked for."""
    whole: Any = None
    try:
        async for chunk in cascade.astream(messages, **asked.settings()):
            delta: dict[str, Any] = {"role": "assistant", "content": ""} if whole is None else {}
            if text := text_of(chunk):
                delta["content"] = text
            if calls := getattr(chunk, "tool_call_chunks", None):
                delta["tool_calls"] = call_pieces(calls)
            whole = chunk if whole is None else whole + chunk
            if delta:
                yield _event(piece(identity, asked.model, delta))
        metrics.answered(asked.model, whole)
        route = whole.response_metadata.get("automix")
        yield _event(piece(identity, asked.model, {}, finish_reason(whole), automix=route))
        if asked.stream_options and asked.stream_options.include_usage:
            yield _event(closing(identity, asked.model, whole.usage_metadata))
        yield "data: [DONE]\n\n"
    except Exception as error:
        metrics.failed(asked.model, error)
        refused = refusal_of(error)
        if whole is None:
            raise refused from error
        log.warning("A stream of %s broke off with %s.", asked.model, type(error).__name__)
        yield _event(refused.body)
    finally:
        traffic.working -= 1


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
