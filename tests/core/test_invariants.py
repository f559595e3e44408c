"""Whatever the policy does and whatever happens, some things hold of every route."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from automix_core.decision import Accept, Draft, State, Tally
from automix_core.routing.drivers import run
from automix_core.routing.effects import Check, Checks, Decide, Effect, Failure, Reply, Result
from automix_core.routing.procedure import route
from tests.strategies import Anything, results


@settings(deadline=None, max_examples=150)
@given(data=st.data(), seed=st.integers(), models=st.integers(2, 4), k=st.integers(0, 5))
def test_what_no_policy_can_break(data: st.DataObject, seed: int, models: int, k: int) -> None:
    history: list[tuple[Effect, Result]] = []

    def perform(effect: Effect) -> Result:
        assert len(history) < 20 * models * (k + 1), "the procedure must come to an end"
        if isinstance(effect, Decide):
            result: Result = Anything(seed).decide(effect.state)
        else:
            result = data.draw(results(effect))
        history.append((effect, result))
        if isinstance(result, Failure):
            raise result.error
        return result

    raised: list[BaseException | None] = []
    try:
        ending = run(route(State.start(models, k)), perform)
    except (TimeoutError, ValueError, RuntimeError) as error:
        raised = [error, error.__cause__]
    if raised:
        effect, result = history[-1]
        assert effect == Draft(models - 1), "only the last model's own failure is raised"
        assert isinstance(result, Failure)
        assert result.error in raised
        return
    last, model = models - 1, ending.action.model
    drafts = [(e, r) for e, r in history if isinstance(e, Draft)]
    checks = [(e, r) for e, r in history if isinstance(e, Check)]
    failures = [r for _, r in history if isinstance(r, Failure)]
    assert sum(step.do == "draft" for step in ending.steps) == len(drafts)
    assert sum(step.do == "verify" for step in ending.steps) == len(checks)
    for number in range(models):
        assert sum(effect.n for effect, _ in checks if effect.model == number) <= k
    broken = [e for _, r in checks if isinstance(r, Checks) for e in r.errors]
    assert len(ending.errors) == len(failures) + len(broken)
    for effect, _ in checks:
        assert not effect.reply.problem or effect.model == last, "a draft that can't be kept is never verified"
    if isinstance(ending.action, Accept):
        said = [r for e, r in drafts if e.model == model and isinstance(r, Reply)]
        assert ending.reply == said[-1]
        if model != last:
            assert not said[-1].problem
            since = max(i for i, (e, r) in enumerate(history) if e == Draft(model) and isinstance(r, Reply))
            tally = sum(
                (
                    r.tally if isinstance(r, Checks) else Tally(failed=e.n)
                    for e, r in history[since:]
                    if isinstance(e, Check) and e.model == model and isinstance(r, Checks | Failure)
                ),
                Tally(),
            )
            assert tally.confidence is not None or not tally.drawn + tally.failed
