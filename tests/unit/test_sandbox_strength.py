"""What is handed to a measurement of test strength, and what its rows become in the metrics."""

from selfcodealign.records import Response, Strength, Verdict, row_id
from selfcodealign.sandbox import StrengthCounts, passing_subjects, summarise_strength


def strength(number: int, score: float | None, coverage: float | None = 1.0) -> Strength:
    return Strength(
        id=row_id(number), num_mutants=0 if score is None else 10, num_killed=round(10 * (score or 0)),
        mutation_score=score, num_branches=4, num_hit=2, branch_coverage=coverage, survivors=[],
        score_unknown="no_mutants" if score is None else "", coverage_unknown="output_cut" if coverage is None else "",
    )  # fmt: skip


def test_only_responses_that_passed_are_measured_in_their_order() -> None:
    responses = [
        Response(id=row_id(n), instruction_id="t", seed_id="s", sample_index=n, response="", code="c", tests="t",
                 program=f"c{n}", output_tokens=1)
        for n in range(4)
    ]  # fmt: skip
    statuses = ["passed", "failed", "passed", "vacuous"]
    verdicts = [
        Verdict(id=row.id, status=status, seconds=0.5, assertions=1, stdout="", stderr="", isolation="x")
        for row, status in zip(responses, statuses, strict=True)
    ]
    subjects = passing_subjects(responses, list(reversed(verdicts[:3])))
    assert [(one.id, one.code, one.program, one.seconds) for one in subjects] == [
        (row_id(0), "c", "c0", 0.5),
        (row_id(2), "c", "c2", 0.5),
    ]


def test_means_are_of_what_is_known_and_the_rest_is_counted_by_reason() -> None:
    rows = [strength(0, 1.0), strength(1, 0.4, 0.5), strength(2, None, None), strength(3, 0.5), strength(4, 0.0)]
    found = summarise_strength(rows, StrengthCounts(asked=30, from_journal=9, duplicates=2, seconds=1.5))
    assert found["responses"] == 5
    assert found["mean_mutation_score"] == 0.475
    assert found["share_below_half"] == 0.5
    assert found["mean_branch_coverage"] == 0.875
    assert found["scores_by_tenth"] == [1, 0, 0, 0, 1, 1, 0, 0, 0, 1]
    assert (found["score_unknown"], found["coverage_unknown"]) == ({"no_mutants": 1}, {"output_cut": 1})
    assert (found["mutants"], found["killed"]) == (40, 19)
    assert (found["asked"], found["from_journal"], found["duplicates"]) == (30, 9, 2)
    assert (found["programs_per_second"], found["seconds"]) == (20.0, 1.5)


def test_nothing_measured_gives_no_means() -> None:
    found = summarise_strength([], StrengthCounts(0, 0, 0, 0.1))
    assert found["mean_mutation_score"] is found["mean_branch_coverage"] is found["programs_per_second"] is None
