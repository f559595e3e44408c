"""`MetaVerifier`: alone, composed, and in a graph."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph

from automix_core.decision import Accept, Decision, Draft, Finish, Measure, State, Tally, Verify
from automix_core.errors import ConfigError, PolicyError
from automix_core.policies import Always, Band, EvidenceThreshold, Mixture, Threshold
from automix_core.policies.saving import save_policy
from langchain_automix import MetaVerifier, SelfVerifier
from tests.langchain.cascades import Asked
from tests.langchain.fakes import NO, YES, Fake


class Scripted:
    """Decides one thing."""

    def __init__(self, action: Any) -> None:
        self.action = action

    def decide(self, state: State) -> Decision:
        return Decision(self.action, "because")


def said(correct: int, incorrect: int = 0, unreadable: int = 0, **more: Any) -> dict[str, Any]:
    verdicts = [1] * correct + [0] * incorrect + [None] * unreadable
    readable = correct + incorrect
    return {"verdicts": verdicts, "texts": [], "confidence": correct / readable if readable else None, **more}


@pytest.mark.parametrize(
    ("policy", "models", "values", "action", "model"),
    [
        (Threshold(0.75), 2, said(6, 2), "accept", 0),
        (Threshold(0.75), 2, said(6, 2, model=0), "accept", 0),
        (Threshold(0.75), 2, said(5, 3), "escalate", 1),
        (Threshold(0.75), 2, said(1, 0, 7), "accept", 0),
        (Threshold(0.75), 2, said(0, 0, 8), "escalate", 1),
        (Threshold(0.75), 2, said(0), "escalate", 1),
        (Threshold(0.75), 2, {"confidence": 0.8, "model": 0}, "accept", 0),
        (Threshold(0.75), 2, {"verdicts": [], "confidence": 0.7, "model": 0}, "escalate", 1),
        (Threshold(0.75), 3, said(8, 0, model=1), "accept", 1),
        (Threshold(0.75), 3, said(0, 8, model=0), "escalate", 1),
        (Threshold(0.75), 3, said(0, 8, model=1), "escalate", 2),
        (Threshold(0.75), 2, said(0, 8, model=1), "accept", 1),  # no later model is left
        (Band(0.2, 0.8), 2, said(1, 7), "accept", 0),
        (EvidenceThreshold(0.6), 2, {"model": 0, "signals": {"support": 1.0, "echo": None}}, "accept", 0),
        (EvidenceThreshold(0.6), 2, {"signals": {"support": np.float32(0.1)}}, "escalate", 1),
        (EvidenceThreshold(0.6), 3, said(0, model=1, signals={"support": 0.1}), "escalate", 2),
        (Always(-1), 2, said(8), "escalate", 1),
        (Always(0), 2, said(0, 8), "accept", 0),  # the model that is to answer has answered
        (Mixture(Always(0), Always(1), 1), 2, said(0, 8), "accept", 0),
        (Scripted(Draft(2)), 3, said(8), "escalate", 2),
        (Scripted(Finish(2)), 3, said(8), "escalate", 2),
        (Scripted(Accept(0)), 2, said(0, 0, 8), "escalate", 1),  # nothing could be read: no policy may keep it
        (Scripted(Accept(1)), 2, said(0, 0, 8, model=1), "accept", 1),
        (Scripted(Accept(0)), 2, said(0), "accept", 0),
    ],
)
async def test_decisions(policy: Any, models: int, values: dict[str, Any], action: str, model: int) -> None:
    meta = MetaVerifier(policy, models=models)
    for found in (meta.invoke(values), await meta.ainvoke(values)):
        assert set(found) == {"action", "model", "reason"}
        assert (found["action"], found["model"]) == (action, model)
        assert found["reason"]
    assert meta.edge.invoke(values) == await meta.edge.ainvoke(values) == action


def test_more_verdicts_are_asked_for_where_there_are_more() -> None:
    values = said(1, 1, model=1, available=3)
    found = MetaVerifier(Threshold(0.75), models=3).invoke(values)
    assert (found["action"], found["model"], found["n"]) == ("verify", 1, 3)
    found = MetaVerifier(Scripted(Verify(1, 2)), models=3).invoke(values)
    assert (found["action"], found["n"]) == ("verify", 2)
    with pytest.raises(PolicyError, match="3 verdicts are available"):
        MetaVerifier(Scripted(Verify(1, 4)), models=3).invoke(values)


def test_the_default_and_saved_policies(tmp_path: Path) -> None:
    assert MetaVerifier().policy == Threshold(0.75)
    save_policy(Band(0.1, 0.9), tmp_path / "policy.json")
    for path in (tmp_path / "policy.json", str(tmp_path / "policy.json")):
        assert MetaVerifier(path).policy == Band(0.1, 0.9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"policy": Threshold}, "policy must be a policy or the path"),
        ({"policy": 0.75}, "policy must be a policy or the path"),
        ({"models": 1}, "models must be 2 or more"),
        ({"models": "two"}, "models: "),
    ],
)
def test_what_cannot_work_is_said_at_once(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MetaVerifier(**settings)


def test_a_policy_for_another_number_of_models_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"Always\(2\) .* a cascade of 2"):
        MetaVerifier(Always(2))
    assert MetaVerifier(Always(2), models=3).policy == Always(2)
    save_policy(Threshold(), tmp_path / "policy.json", models=["a", "b", "c"])
    with pytest.raises(PolicyError, match=r"made for 3 models \(a, b, c\), the cascade has 2: give"):
        MetaVerifier(tmp_path / "policy.json")
    assert MetaVerifier(tmp_path / "policy.json", models=3).policy == Threshold()


def test_unknown_keywords_are_ignored_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="MetaVerifier ignores the unknown keyword 'threshold'"):
        MetaVerifier(threshold=0.5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "needs the verifier's output, a dict with verdicts, not NoneType"),
        ("accept", "needs the verifier's output, a dict with verdicts, not str"),
        (said(8, available="all"), '"available" must be a number of verdicts'),
        ({}, "needs the verifier's output"),
        ({"model": 0}, "needs the verifier's output"),
        (said(8, model=2), '"model" must be a number from 0 to 1'),
        (said(8, model="small"), '"model" must be a number from 0 to 1'),
        ({"verdicts": ["yes"]}, "a verdict is True, False or None"),
        ({"confidence": 1.5}, "between 0 and 1"),
        ({"signals": {}}, "needs the verifier's output .verdicts, or a confidence., or signals"),
        (said(8, signals=[1.0]), '"signals" must be a dict of numbers by name, not list'),
        (said(8, signals={"support": "high"}), "the signal 'support' must be a finite number, not str"),
        (said(8, signals={"support": True}), "the signal 'support' must be a finite number, not bool"),
        (said(8, signals={"support": math.nan}), "the signal 'support' must be a finite number, not nan"),
        (said(8, signals={"support": math.inf}), "the signal 'support' must be a finite number, not inf"),
    ],
)
def test_what_it_cannot_read(values: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MetaVerifier().invoke(values)


def test_what_a_trace_shows_of_a_decision_on_signals() -> None:
    """A signal is measured, and those known are the step's input."""
    seen: list[Any] = []

    class Watch(BaseCallbackHandler):
        def on_chain_start(self, serialized: Any, inputs: Any, **_: Any) -> None:
            seen.append(inputs)

        def on_chain_end(self, outputs: Any, **_: Any) -> None:
            seen.append(outputs)

    state = State(
        (True, False),
        (Tally(), Tally()),
        (0, 0),
        signals=((("support", 0.5),), ()),
        purchasable=(("p_correct",), ()),
    )
    decided = MetaVerifier().decide(state, {"callbacks": [Watch()]}, Scripted(Measure(0, "p_correct")))
    assert decided.action == Measure(0, "p_correct")
    given, made = seen
    assert (given["model"], given["signals"]) == (0, {"support": 0.5})
    assert made == {"action": "measure", "model": 0, "name": "p_correct", "reason": "because"}


CASE = {"context": "Oda Verrin built it.", "question": "Who built it?", "answer": "Verrin."}


@pytest.mark.parametrize(("judges", "action"), [(YES, "accept"), (NO, "escalate"), ("Who knows.", "escalate")])
async def test_it_composes_with_the_verifier(judges: str, action: str) -> None:
    chain = SelfVerifier(model=Fake(judges=judges), k=2) | MetaVerifier(Threshold(0.75))
    assert chain.invoke(CASE)["action"] == action
    assert (await chain.ainvoke(CASE))["action"] == action
    assert [found["action"] for found in chain.batch([CASE, CASE])] == [action] * 2


class Step(Asked, total=False):
    action: str
    reason: str


@pytest.mark.parametrize("as_node", [True, False], ids=["a node", "a conditional edge"])
@pytest.mark.parametrize(("judges", "answer", "model"), [(YES, "small said", 0), (NO, "large said", 1)])
async def test_a_graph(as_node: bool, judges: str, answer: str, model: int) -> None:
    small, large = Fake(says="small said", judges=judges), Fake(says="large said")
    meta = MetaVerifier(Threshold(0.75))
    graph: Any = StateGraph(Step)
    graph.add_node("draft", lambda state: {"answer": small.invoke(state["question"]).text, "model": 0})
    graph.add_node("verify", SelfVerifier(model=small, k=3))
    graph.add_node("finish", lambda state: {"answer": large.invoke(state["question"]).text, "model": 1})
    graph.add_edge(START, "draft")
    graph.add_edge("draft", "verify")
    ways: Any = {"accept": END, "escalate": "finish"}
    if as_node:
        graph.add_node("decide", meta)
        graph.add_edge("verify", "decide")
        graph.add_conditional_edges("decide", lambda state: state["action"], ways)
    else:
        graph.add_conditional_edges("verify", meta.edge, ways)
    graph.add_edge("finish", END)
    app = graph.compile()
    start: Any = {"question": CASE["question"], "context": CASE["context"]}
    for found in (app.invoke(start), await app.ainvoke(start)):
        assert (found["answer"], found["model"]) == (answer, model)
        assert found["verdicts"] == [int(judges == YES)] * 3


def test_it_is_a_runnable_like_any_other() -> None:
    meta = MetaVerifier(Threshold(0.75)).with_config(tags=["mine"]) | RunnableLambda(lambda found: found["action"])
    assert meta.invoke(said(8)) == "accept"
