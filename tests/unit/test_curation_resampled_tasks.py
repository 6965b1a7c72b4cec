"""Tasks that get further responses: those with consensus tests that some response failed."""

from hypothesis import given
from hypothesis import strategies as st
from selection_rows import answer, task, verdict

from selfcodealign.curation import ChosenTasks, choose_tasks
from selfcodealign.params import ShownTest
from selfcodealign.records import ConsensusTests, Instruction, Response, by_id

TESTS = "assert double(2) == 4\nassert double(3) == 6"


def response(owner: Instruction, sample: int, name: str = "double") -> Response:
    return answer(owner, sample, code=f"def {name}(x):\n    return 2 * x  # {sample}\n", tests=TESTS)


def agreed(row: Response) -> ConsensusTests:
    return ConsensusTests(id=row.id, tests=TESTS, program=f"{row.code}\n{TESTS}", num_pooled=3, num_agreed=2)


def choose(
    owners: list[Instruction],
    judged: list[tuple[Response, str]],
    others: list[Response] | None = None,
    shown_tests: float = 1.0,
    shown_test: ShownTest = "random",
) -> ChosenTasks:
    """Choose among tasks whose `judged` responses have consensus tests and whose `others` have not."""
    rows = [row for row, _ in judged]
    return choose_tasks(
        owners,
        [*rows, *(others or [])],
        by_id(agreed(row) for row in rows),
        by_id(verdict(row, status) for row, status in judged),
        num_samples=4,
        shown_tests=shown_tests,
        shown_test=shown_test,
        seed=0,
    )


def test_a_task_with_passing_and_failing_responses_is_sampled_again() -> None:
    owner = task(1)
    found = choose([owner], [(response(owner, 0), "passed"), (response(owner, 1), "failed")])
    (chosen,) = found.tasks
    assert chosen.id == owner.id
    assert chosen.tests == TESTS
    assert chosen.names == {"double"}
    assert chosen.num_samples == 4
    assert (found.num_untested, found.num_solved) == (0, 0)


def test_tasks_without_consensus_and_tasks_that_are_always_solved_are_counted() -> None:
    untested, solved, unanswered = task(1), task(2), task(3)
    found = choose(
        [untested, solved, unanswered],
        [(response(solved, 0), "passed"), (response(solved, 1), "passed")],
        [response(untested, 0)],
    )
    assert found == ChosenTasks([], num_untested=2, num_solved=1)


def test_a_response_without_a_verdict_counts_as_failed() -> None:
    owner = task(1)
    found = choose([owner], [(response(owner, 0), "passed")], [response(owner, 1, name="twice")])
    assert [chosen.id for chosen in found.tasks] == [owner.id]


def test_the_text_shows_a_test_only_where_it_is_drawn() -> None:
    owner = task(1)
    judged = [(response(owner, 0), "passed"), (response(owner, 1), "error")]
    (shown,) = choose([owner], judged, shown_tests=1.0).tasks
    (bare,) = choose([owner], judged, shown_tests=0.0).tasks
    assert shown.shows_names
    assert shown.instruction.instruction.startswith(owner.instruction)
    assert shown.instruction.instruction.splitlines()[-1] in TESTS.splitlines()
    (hardest,) = choose([owner], judged, shown_test="hardest").tasks
    assert hardest.instruction.instruction.splitlines()[-1] == TESTS.splitlines()[0]
    assert not bare.shows_names
    assert bare.instruction == owner


@given(st.lists(st.lists(st.sampled_from(["passed", "failed", "error"]), max_size=4), max_size=5), st.booleans())
def test_each_task_is_chosen_or_counted_once(outcomes: list[list[str]], is_reversed: bool) -> None:
    owners = [task(number) for number in range(len(outcomes))]
    judged = [
        (response(owner, sample), status)
        for owner, statuses in zip(owners, outcomes, strict=True)
        for sample, status in enumerate(statuses)
    ]
    found = choose(owners, judged[::-1] if is_reversed else judged)
    mixed = [owner.id for owner, statuses in zip(owners, outcomes, strict=True) if set(statuses) - {"passed"}]
    assert [chosen.id for chosen in found.tasks] == mixed
    assert found.num_untested == sum(not statuses for statuses in outcomes)
    assert len(found.tasks) + found.num_untested + found.num_solved == len(owners)
