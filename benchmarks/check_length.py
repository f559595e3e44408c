"""How long one check is in each shape of prompt, beside its context and the parts that every check has.

    python -m benchmarks.check_length [--markdown]

The prompts are those of the tests (`tests/*/test_query_shapes.py`), with a context of 300 passages, over a server on
this computer. Asked for is at most 1.1 times the context plus the fixed parts: instructions, examples, tags.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from langchain_automix import SelfVerifier
from tests.langchain import cascades
from tests.langchain import test_query_shapes as langchain
from tests.llamaindex import engines
from tests.llamaindex import test_query_shapes as llamaindex
from tests.loopback import OpenAIServer


def checked(server: OpenAIServer) -> int:
    """The characters of the one check that the server was asked for."""
    (check,) = server.calls(verdict=True)
    return sum(len(message["content"]) for message in check.messages)


def in_langchain() -> Iterator[tuple[str, int, int]]:
    """Each shape: its name, the characters of a check, and of its context with the fixed parts."""
    for name, (build, given, _) in langchain.SHAPES.items():
        with OpenAIServer() as server:
            cascades.script(server, "accept")
            build(cascades.cascade(server, verifier=SelfVerifier(k=1))).invoke(given)
            yield name, checked(server), len(langchain.BIG) + langchain.FIXED


def in_llamaindex() -> Iterator[tuple[str, int, int]]:
    """The same of the answering templates of query engines."""
    for name, (template, _) in llamaindex.TEMPLATES.items():
        with OpenAIServer() as server:
            engines.script(server, "accept")
            models = [engines.child(server, model, context_window=100_000) for model in ("small", "large")]
            settings = {} if template is None else {"text_qa_template": template}
            llm = engines.cascade(server, models=models, k=1)
            engines.ask(engines.index(llamaindex.BIG).as_query_engine(llm=llm, **settings), "query")
            yield name, checked(server), len(llamaindex.BIG) + llamaindex.FIXED


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if options.markdown:
        print(
            "| framework | prompt | one check, characters | times the context plus the fixed parts |\n|---|---|---|---|"
        )
    for framework, found in (("LangChain", in_langchain()), ("LlamaIndex", in_llamaindex())):
        for name, size, least in found:
            cells = (framework, name, f"{size:,}", f"{size / least:.3f}")
            print(f"| {' | '.join(cells)} |" if options.markdown else "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
