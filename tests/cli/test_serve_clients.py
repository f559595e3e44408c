"""Other clients: OpenAI's JavaScript package where node is found, LangChain's and LlamaIndex's streams and tools."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from tests.cli.test_serve import CONTEXT, QUESTION, TOOL, cascade_file, served
from tests.loopback import OpenAIServer

SCRIPT = """
import OpenAI from 'openai'
const client = new OpenAI({baseURL: process.argv[2], apiKey: 'a-good-key', maxRetries: 0})
const [model, messages] = ['cascade', JSON.parse(process.argv[3])]
const whole = await client.chat.completions.create({model, messages, automix_context: process.argv[4]})
const pieces = []
const streaming = {stream: true, stream_options: {include_usage: true}}
const stream = await client.chat.completions.create({model, messages, ...streaming})
for await (const piece of stream) pieces.push(piece)
const tools = JSON.parse(process.argv[5])
const called = await client.chat.completions.create({model, messages, tools, tool_choice: 'required'})
let refused
try { await new OpenAI({baseURL: process.argv[2], apiKey: 'a-wrong-key', maxRetries: 0}).models.list() }
catch (error) { refused = [error.status, error.code, error.constructor.name] }
console.log(JSON.stringify({
  text: whole.choices[0].message.content, route: whole.automix, usage: whole.usage,
  streamed: pieces.map(p => p.choices[0]?.delta?.content ?? '').join(''), last: pieces.at(-1).usage,
  told: pieces.filter(p => p.automix).map(p => p.automix.action),
  call: called.choices[0].message.tool_calls[0].function.name, refused,
}))
"""


@pytest.fixture(autouse=True)
def _keeps(provider: OpenAIServer) -> None:
    provider.verdicts("Verdict: correct")


@pytest.mark.slow
def test_openais_javascript_client(tmp_path: Path, provider: OpenAIServer) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is not installed")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(tmp_path), "openai@6"]
    made = subprocess.run(install, capture_output=True, text=True, check=False, timeout=240)
    if made.returncode:
        pytest.skip(f"npm can't install the package openai: {made.stderr.strip().splitlines()[-1:]}")
    (tmp_path / "ask.mjs").write_text(SCRIPT)
    with served(cascade_file(tmp_path, provider), keys=("a-good-key",)) as (address, _):
        ran = subprocess.run(
            [node, "ask.mjs", f"{address}/v1", json.dumps(QUESTION), CONTEXT, json.dumps([TOOL])],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert (said["text"], said["streamed"], said["call"]) == ("Oda Verrin.", "Oda Verrin.", "look_up")
    assert (said["route"]["action"], said["route"]["context_source"], said["told"]) == (
        "accept",
        "argument",
        ["accept"],
    )
    assert said["last"]["total_tokens"] > 0 < said["usage"]["total_tokens"]
    assert said["refused"] == [401, "invalid_api_key", "AuthenticationError"]


def test_langchains_client_streams_usage_and_calls_tools(tmp_path: Path, provider: OpenAIServer) -> None:
    with served(cascade_file(tmp_path, provider)) as (address, _):
        model = ChatOpenAI(
            model="cascade", base_url=f"{address}/v1", api_key=SecretStr("none"), max_retries=0, stream_usage=True
        )
        whole: Any = None
        for chunk in model.stream(QUESTION[0]["content"]):
            whole = chunk if whole is None else whole + chunk
        assert (whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]) == provider.tokens()
        (call,) = model.bind_tools([TOOL], tool_choice="required").invoke(QUESTION[0]["content"]).tool_calls
        assert call["name"] == "look_up"


def test_llamaindexs_client_streams_and_calls_tools(tmp_path: Path, provider: OpenAIServer) -> None:
    from llama_index.core.tools import FunctionTool
    from llama_index.llms.openai_like import OpenAILike

    def look_up(word: str) -> str:
        """Looks up a word."""
        return word

    with served(cascade_file(tmp_path, provider)) as (address, _):
        llm = OpenAILike(
            model="cascade",
            api_base=f"{address}/v1",
            api_key="none",
            is_chat_model=True,
            is_function_calling_model=True,
            max_retries=0,
        )
        assert [*llm.stream_complete(QUESTION[0]["content"])][-1].text == "Oda Verrin."
        tool = FunctionTool.from_defaults(look_up)
        reply = llm.chat_with_tools([tool], user_msg=QUESTION[0]["content"], tool_required=True)
        (call,) = llm.get_tool_calls_from_response(reply)
        assert call.tool_name == "look_up"
