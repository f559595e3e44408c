"""A bare proxy: FastAPI and httpx hand a request on as it is: python -m benchmarks.serve.proxy SOCKET URL."""

from __future__ import annotations

import socket
import sys

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response


def proxy(url: str) -> FastAPI:
    app = FastAPI()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    client = httpx.AsyncClient(trust_env=False, timeout=300, limits=limits)

    @app.post("/v1/chat/completions")
    async def handed_on(request: Request) -> Response:
        headers = {"content-type": "application/json"}
        reply = await client.post(f"{url}/chat/completions", content=await request.body(), headers=headers)
        return Response(reply.content, reply.status_code, media_type="application/json")

    return app


if __name__ == "__main__":
    listening = socket.socket(fileno=int(sys.argv[1]))
    config = uvicorn.Config(proxy(sys.argv[2]), log_level="critical", access_log=False, backlog=4096)
    uvicorn.Server(config).run([listening])
