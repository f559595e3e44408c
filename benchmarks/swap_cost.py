"""What the README's swap costs beside the large model alone, in both frameworks, at twenty times the small one's price.

    python -m benchmarks.swap_cost [--kept 0.6] [--ratio 20] [--questions 20] [--json]

The README's chain and the README's query engine, with the default verifier (k = 8) and policy, over a server on this
computer that keeps the bill. Of each ten questions the verdicts keep as many drafts as `--kept` says. Contexts are
passages of the handbook. Tokens are words here; the ratios are what counts. The large model alone gets the same
questions through the same chain and engine. Output tokens cost four times input tokens, for both models.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from automix_cli.demo.corpus import handbook
from tests.loopback import OpenAIServer, Reply

SMALL, LARGE = "gpt-4.1-nano", "gpt-4.1"
WORDS = (50, 250, 1000, 4000)
ANSWER = "The keeper of the northern light said so in the year of the second flood, and the council wrote it down."
REASON = "Reason: The context says that this was written down by the council, which is what the answer says too."

Ask = Callable[[str, str], Any]


def langchain(server: OpenAIServer, models: list[str]) -> Ask:
    """The README's chain, with the swap or with the last model alone."""
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    from langchain_automix import AutoMixChatModel

    prompt = ChatPromptTemplate.from_template("Answer from this context.\n\n{context}\n\nQuestion: {question}")
    children = [ChatOpenAI(model=name, base_url=server.url, api_key="none") for name in models]
    chain = prompt | (AutoMixChatModel(models=children) if len(children) > 1 else children[0])
    return lambda context, question: chain.invoke({"context": context, "question": question})


def llamaindex(server: OpenAIServer, models: list[str]) -> Ask:
    """The README's query engine, with the swap or with the last model alone."""
    from llama_index.core import Document, SummaryIndex
    from llama_index.llms.openai import OpenAI

    from llamaindex_automix import AutoMixLLM

    children = [OpenAI(model=name, api_base=server.url, api_key="none") for name in models]
    llm: Any = AutoMixLLM(models=children) if len(children) > 1 else children[0]

    def ask(context: str, question: str) -> Any:
        return SummaryIndex.from_documents([Document(text=context)]).as_query_engine(llm=llm).query(question)

    return ask


def contexts(words: int, questions: int) -> list[str]:
    """As many passages of the handbook, each of so many words and unlike the others."""
    text = " ".join(passage.text for passage in handbook()).split()
    text *= 1 + words * 2 // len(text)
    return [" ".join(text[start * 7 : start * 7 + words]) for start in range(questions)]


def measure(framework: Any, words: int, questions: int, kept: float, ratio: float) -> dict[str, float]:
    """The bill of the swap and of the large model alone, in shares of the latter, and what was sent a question."""

    def verdict(request: Any) -> Reply:
        number = int(re.findall(r"number (\d+)\?", request.text)[-1])
        return Reply(f"{REASON}\nVerdict: {'Correct' if number % 10 < 10 * kept else 'Incorrect'}")

    asked = [
        (text, f"Who said so, in matter number {number}?") for number, text in enumerate(contexts(words, questions))
    ]
    price = {SMALL: 1.0, LARGE: ratio}
    bills: list[float] = []
    facts: dict[str, float] = {}
    for models in ([SMALL, LARGE], [LARGE]):
        with OpenAIServer() as server:
            server.say(None, ANSWER)
            server.verdicts(verdict)
            ask = framework(server, models)
            for context, question in asked:
                ask(context, question)
            bills.append(sum(price[b.model] * (b.input_tokens + 4 * b.output_tokens) for b in server.billed))
            if len(models) > 1:
                checks = [bill for bill in server.billed if bill.verdict]
                escalated = sum(bill.model == LARGE for bill in server.billed)
                facts = {
                    "kept": 1 - escalated / questions,
                    "requests_a_question": len(server.billed) / questions,
                    "checking_prompt_tokens_a_question": sum(bill.input_tokens for bill in checks) / questions,
                }
    return {"words": words, **facts, "share_of_always_large": bills[0] / bills[1]}


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kept", type=float, default=0.6)
    parser.add_argument("--ratio", type=float, default=20.0)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [
        {"framework": name, **measure(framework, words, options.questions, options.kept, options.ratio)}
        for name, framework in (("langchain", langchain), ("llamaindex", llamaindex))
        for words in WORDS
    ]
    if options.json:
        print(json.dumps(rows))
        return
    print("framework    context  kept  requests  checking prompt  share of always-large")
    for row in rows:
        print(
            f"{row['framework']:<12} {row['words']:>7} {row['kept']:>5.0%} {row['requests_a_question']:>9.1f} "
            f"{row['checking_prompt_tokens_a_question']:>16.0f} {row['share_of_always_large']:>22.0%}"
        )


if __name__ == "__main__":
    main()
