"""LangSmith's own client, datasets and feedback: the page's recipes, over a server that keeps what it is given."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langsmith import aevaluate, evaluate

from automix_core import read_outcomes, read_questions, score
from tests.langchain.cascades import PATHS, cascade, expected, script
from tests.langchain.cascades import Path as Route
from tests.loopback import LangSmithCollector, OpenAIServer
from tests.loopback.streams import INPUT, chain

PAGE = (Path(__file__).parents[2] / "docs" / "langchain" / "datasets.md").read_text("utf-8")
OUTCOME = {
    "id": "route-1",
    "served": 0,
    "models": [{"name": "small", "score": 0.5, "cost": 1}, {"name": "large", "score": 1.0, "cost": 9}],
}


@pytest.fixture
def collector() -> Iterator[LangSmithCollector]:
    with LangSmithCollector() as server:
        yield server


def block(about: str) -> str:
    """The block of the page that holds `about`."""
    (found,) = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if about in text]
    return str(found)


def test_questions_come_with_their_answers(
    collector: LangSmithCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(120):  # more than a page of them
        asked = {"question": f"Question {number}?", "context": ["One.", "Two."]}
        collector.add_example("town", inputs=asked, outputs={"answer": "Oda"} if number else None)
    client = collector.client()
    names: dict[str, Any] = {"client": client, "dataset": client.read_dataset(dataset_name="town")}
    exec(block("list_examples").replace("# 1", ""), names)
    questions = read_questions("questions.jsonl")
    assert len(questions) == len({question.id for question in questions}) == 120
    assert (questions[0].answers, questions[1].answers) == (None, ("Oda",))
    assert questions[1].context == ("One.", "Two.")


def test_feedback_is_a_score(collector: LangSmithCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("outcomes.jsonl").write_text(json.dumps(OUTCOME) + "\n")
    client, run = collector.client(), uuid4()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the project is not named
        client.create_feedback(run, "user_score", score=0.0)
        client.create_feedback(uuid4(), "user_score", score=1.0)
    names: dict[str, Any] = {"client": client, "routes": {str(run): "route-1"}, "score": score}
    exec("for feedback" + block("list_feedback").partition("for feedback")[2].partition("recorded.flush")[0], names)
    (outcome,) = read_outcomes("outcomes.jsonl")
    assert [model.score for model in outcome.models] == [0.0, 1.0]


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("path", PATHS)
async def test_an_experiment_is_run_over_a_dataset(
    server: OpenAIServer, collector: LangSmithCollector, path: Route, awaited: bool
) -> None:
    """`evaluate` and `aevaluate`: an evaluator sees the answer, and each example's trace has the whole call."""
    script(server, path)
    collector.add_example("town", inputs=INPUT, outputs={"answer": expected(path)})
    routed: Any = chain(cascade(server))

    def right(outputs: dict[str, Any], reference_outputs: dict[str, Any]) -> bool:
        return bool(reference_outputs["answer"] == outputs["output"])

    given: dict[str, Any] = {"data": "town", "evaluators": [right], "client": collector.client()}
    if awaited:
        rows = [row async for row in await aevaluate(routed.ainvoke, **given)]
    else:
        rows = list(evaluate(routed.invoke, **given, max_concurrency=0))
    assert [row["evaluation_results"]["results"][0].score for row in rows] == [True]
    given["client"].flush()
    (run,) = [node for root in collector.roots() for node in root.find("AutoMixChatModel")]
    assert run.metadata["automix_action"] == path
