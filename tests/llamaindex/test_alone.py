"""The adapter works where LangChain is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

ALONE = """
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith(("langchain", "langgraph")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())

from llama_index.core import SummaryIndex
from llama_index.core.llms import MockLLM
from llama_index.core.schema import TextNode

from llamaindex_automix import AutoMixLLM, SelfVerifier, collect_routes

class Says(MockLLM):
    def complete(self, prompt, formatted=False, **kwargs):
        response = super().complete("Verdict: Correct" if "Verdict: Incorrect" in prompt else "An answer.")
        return response

index = SummaryIndex([TextNode(text="A passage.")])
llm = AutoMixLLM(models=[Says(), Says()], verifier=SelfVerifier(k=2))
with collect_routes() as routes:
    print(index.as_query_engine(llm=llm).query("A question?"))
print(routes[0].action, routes[0].verdicts["correct"])
assert not [name for name in sys.modules if name.partition(".")[0].startswith("lang") and "langchain" in name]
"""


def test_without_langchain() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split("\n")[:2] == ["An answer.", "accept 2"]
