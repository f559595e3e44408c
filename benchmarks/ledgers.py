"""The demo's two ledgers on questions whose answers are known: what the cascade does, and each model alone.

    python -m benchmarks.ledgers prepare QUESTIONS.jsonl FOLDER
    python -m benchmarks.ledgers run FOLDER [--questions 100] [--weights DIR] [--json]

`prepare` puts the contexts of at most 640 characters into FOLDER/documents, a file each, 100 questions about some of
them into FOLDER/asked.jsonl, and 60 about others, each with the three passages that the demo would find for it, into
FOLDER/collected.jsonl, for `automix collect --config FOLDER/collect.toml`. Which contexts go where is settled by their
digests. No context is on both sides, but all are searched for every question, as a person's documents are. The asked
100 are written in that form too, into FOLDER/replayed.jsonl: collected, they are what the demo would be
asked, and `benchmarks.replays` tells what any policy would have done with them.

`run` asks the 100 with `automix demo --docs FOLDER/documents --ask --compare --json`, so the default policy decides and
the fitted one is replayed on the same drafts and verdicts. An answer is right if it holds a gold answer word for word;
to a question that has none, if it says so. After Ctrl-C what was answered until then is judged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from automix_cli.demo.documents import read_documents
from automix_cli.demo.prompt import PROMPT
from automix_cli.demo.retrieval import Retriever
from automix_cli.demo.run import LONGEST_ANSWER
from automix_cli.progress import progress
from automix_core.outcomes.scoring import scorer

LONGEST, ASKED, COLLECTED = 640, 100, 60
"""Characters of a context; questions asked; questions whose outcomes a policy is fitted on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("prepare", help="choose questions and write them down with their documents")
    first.add_argument("questions", type=Path, help="JSON Lines, in the project's question format")
    first.add_argument("folder", type=Path)
    first.set_defaults(do=prepare)
    second = commands.add_parser("run", help="ask them, and print both ledgers")
    second.add_argument("folder", type=Path)
    second.add_argument("--questions", type=int, default=ASKED, help="only the first so many")
    second.add_argument("--weights", type=Path, help="folder with the embedded models' GGUF files")
    second.add_argument("--json", action="store_true", help="print one JSON document")
    second.set_defaults(do=ask)
    options = parser.parse_args()
    options.do(options)


def prepare(options: argparse.Namespace) -> None:
    """Write the documents, the questions to be asked, and those to fit a policy on."""
    lines = options.questions.read_text(encoding="utf-8").splitlines()
    short = [one for one in map(json.loads, lines) if len(one["context"]) <= LONGEST]
    short.sort(key=lambda one: hashlib.sha256(one["context"].encode()).digest())
    asked, taken = short[:ASKED], {one["context"] for one in short[:ASKED]}
    collected = [one for one in short[ASKED:] if one["context"] not in taken][:COLLECTED]
    if len(collected) < COLLECTED:
        sys.exit(f"{options.questions} has {len(asked)} + {len(collected)} questions about short contexts, too few")
    documents = options.folder / "documents"
    documents.mkdir(parents=True)
    for number, context in enumerate(sorted({one["context"] for one in asked + collected}), start=1):
        (documents / f"{number:03}.txt").write_text(context, encoding="utf-8")
    retriever = Retriever(read_documents(documents, progress(False)))

    def as_found(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            one | {"context": [passage.content for passage in retriever.search(one["question"])]} for one in questions
        ]

    files = {"asked": asked, "collected": as_found(collected), "replayed": as_found(asked)}
    for name, chosen in files.items():
        text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in chosen)
        (options.folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (options.folder / "collect.toml").write_text(SETTINGS, encoding="utf-8")


def model_settings(name: str, embedded: str, price: int) -> str:
    """One model of the configuration file of `automix collect`, as the demo asks it."""
    lines = (f'name = "{name}"', f'url = "embedded:{embedded}"', f'price = "{price}/{price}"')
    return "\n".join(("[[model]]", *lines, f"max_tokens = {LONGEST_ANSWER}", ""))


SETTINGS = "\n".join(
    (
        f'prompt = {json.dumps(PROMPT)}\nscorer = "contains"\nsignals = "all"\n',
        model_settings("qwen2.5-coder-0.5b", "0.5b", 1),
        model_settings("qwen2.5-coder-1.5b", "1.5b", 50),
    )
)


def ask(options: argparse.Namespace) -> None:
    """Ask the questions of the demo, judge the answers, and print both ledgers."""
    lines = (options.folder / "asked.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in lines][: options.questions]
    command = [sys.executable, "-m", "automix_cli", "demo", "--docs", str(options.folder / "documents")]
    command += ["--ask", "--compare", "--json"] + (["--weights", str(options.weights)] if options.weights else [])
    said = "".join(" ".join(one["question"].split()) + "\n" for one in asked)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as demo:
        try:
            printed, _ = demo.communicate(said)
        except KeyboardInterrupt:  # the demo got it, too, and prints what it has
            printed, _ = demo.communicate()
    (options.folder / "demo.json").write_text(printed, encoding="utf-8")  # hours of work, whatever comes next
    if not printed.strip():
        sys.exit(f"automix demo ended with {demo.returncode} before it answered a question")
    document = json.loads(printed)
    asked = asked[: len(document["questions"])]  # fewer where the demo was interrupted
    judged = {"documents": len(list((options.folder / "documents").iterdir())), **judge(asked, document)}
    print(json.dumps(document | {"judged": judged}, indent=2) if options.json else table(document, judged))


def judge(asked: list[dict[str, Any]], document: dict[str, Any]) -> dict[str, Any]:
    """How many answers were right, of each way and of each policy that was compared."""
    contains = scorer("contains")
    golds = dict(zip((one["id"] for one in document["questions"]), (one["answers"] for one in asked), strict=True))

    def right(identity: str, answer: str | None) -> bool:
        return answer is not None and contains(answer, golds[identity]) == 1.0

    done = {one["id"]: one for one in document["questions"]}
    alone = [[one["alone"][model]["answer"] for one in done.values()] for model in (0, -1)]
    ways = ("always_small", alone[0]), ("always_large", alone[1]), ("cascade", [one["answer"] for one in done.values()])
    policies = [
        {
            "name": policy["name"],
            "policy": policy["policy"],
            "questions": len(policy["questions"]),
            "kept": policy["kept"],
            "verdicts": policy["verdicts"],
            "usd": policy["cost"],
            "right": sum(
                right(row["id"], done[row["id"]]["drafts"][0]["text"] if row["kept"] else alone_of(done[row["id"]]))
                for row in policy["questions"]
            ),
        }
        for policy in document["compare"]["policies"]
    ]
    return {
        "questions": len(done),
        "without_answer": sum(gold == ["unanswerable"] for gold in golds.values()),
        "right": {name: sum(map(right, done, answers)) for name, answers in ways},
        "compare": policies,
        "left_out": document["compare"]["left_out"],
    }


def alone_of(question: dict[str, Any]) -> str | None:
    """What the large model answers without the small one."""
    answer: str | None = question["alone"][-1]["answer"]
    return answer


def table(document: dict[str, Any], judged: dict[str, Any]) -> str:
    measured, priced = document["measured"], document["priced"]
    small, large = (model["name"] for model in document["models"])
    rows = [
        f"{judged['questions']} questions, {judged['without_answer']} of them without an answer; "
        f"{judged['documents']} documents; {measured['actions']}",
        f"{'':28}{'calls':>8}{'tokens in':>12}{'out':>9}{'seconds':>10}{'USD':>11}{'right':>8}",
    ]

    def row(
        name: str, calls: int, tokens: dict[str, int] | None, seconds: float, usd: str = "", right: str = ""
    ) -> str:
        read, written = (tokens[key] if tokens else None for key in ("input_tokens", "output_tokens"))
        return f"{name:28}{calls:>8}{read!s:>12}{written!s:>9}{seconds:>10.1f}{usd:>11}{right:>8}"

    def usd(amount: float | None) -> str:
        return "?" if amount is None else f"{amount:.5f}"

    for name, way in (f"{small} alone", "always_small"), (f"{large} alone", "always_large"):
        found = measured[way]
        bill = usd(priced[way]["total"])
        rows.append(row(name, found["calls"], found["tokens"], found["seconds"], bill, str(judged["right"][way])))
    calls, tokens, seconds = measured["calls"], measured["tokens"], measured["seconds"]
    bill = usd(priced["cascade"]["total"])
    rows.append(
        row("AutoMix", calls["total"], tokens["total"], seconds["total"], bill, str(judged["right"]["cascade"]))
    )
    for step in ("draft", "verify", "answer"):
        rows.append(row(f"  {step}", calls["by_step"][step], tokens["by_step"][step], seconds["by_step"][step]))
    even = priced["break_even_ratio"]
    rows.append(f"breaks even at 1 : {even:.2f}" if even else "breaks even at no price ratio")
    for policy in judged["compare"]:
        rows.append(
            f"{policy['name']}, {policy['policy']}: {policy['questions']} questions, {policy['kept']} drafts kept, "
            f"{policy['verdicts']} verdicts, {policy['right']} right, {usd(policy['usd'])} USD"
        )
    rows.append(f"left out of the comparison: {len(judged['left_out'])}")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
