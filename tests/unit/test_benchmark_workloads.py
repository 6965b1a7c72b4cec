"""The programs that the sandbox is measured with, and the peer on the host."""

import contextlib
import io
from collections import Counter

import pytest

from benchmarks.sandbox.breakdown import only_compiled
from benchmarks.sandbox.rates import Rate
from benchmarks.sandbox.systems import Measured
from benchmarks.sandbox.unisolated import run_guarded
from benchmarks.sandbox.workloads import exemplars, kind, mixed, variants
from selfcodealign.generation import load_exemplars


def outcome(source: str) -> str:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, "program.py", "exec"), {"__name__": "__main__"})  # noqa: S102 - our own programs
    except AssertionError:
        return "failing"
    return "exemplar"


def test_mixed_programs_are_distinct_and_have_their_shares() -> None:
    workload = mixed(1000)
    counts = Counter(kind(program) for program in workload.programs)
    assert counts == {"exemplar": 722, "failing": 128, "busy": 50, "asleep": 50, "hog": 50}
    assert len({program.source for program in workload.programs}) == 1000
    assert mixed(1000) == workload
    assert mixed(1000, seed=1) != workload


def test_parts_and_samples_keep_the_shares_and_the_order() -> None:
    workload = mixed(1000)
    parts = workload.dealt(4)
    assert sorted(program.id for part in parts for program in part) == sorted(p.id for p in workload.programs)
    places = {program.id: place for place, program in enumerate(workload.programs)}
    for part in [*parts, workload.sample(40)]:
        counts = Counter(kind(program) for program in part)
        assert (counts["busy"] + counts["asleep"]) / len(part) == pytest.approx(0.1, abs=0.01)
        assert counts["hog"] / len(part) == pytest.approx(0.05, abs=0.01)
        assert [places[program.id] for program in part] == sorted(places[program.id] for program in part)
    assert len(workload.sample(40)) == 40
    assert workload.sample(5000) == workload.programs


def test_variants_end_as_their_kind_says() -> None:
    programs = variants(7 * len(load_exemplars()))
    assert [outcome(program.source) for program in programs] == [kind(program) for program in programs]
    assert len({program.source for program in programs}) == len(programs)


def test_exemplars_come_so_many_times_over() -> None:
    workload = exemplars(20)
    assert len(workload.programs) == 20 * len(load_exemplars())
    assert len({program.id for program in workload.programs}) == len(workload.programs)


def test_a_program_that_is_only_compiled_does_not_run() -> None:
    source = only_compiled("import os\nTEXT = '''a\n  b'''\nraise ValueError(TEXT)\n")
    assert outcome(source) == "exemplar"
    assert "ValueError" in source
    assert all(outcome(only_compiled(program.source)) == "exemplar" for program in exemplars(1).programs)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("assert 1 + 1 == 2", "passed"),
        ("assert 1 + 1 == 3", "failed"),
        ("1 / 0", "error"),
        ("raise SystemExit(0)", "error"),
        ("while True: pass", "timeout"),
        ("x = bytearray(2 ** 40)", "memory"),
    ],
)
def test_the_peer_on_the_host_tells_how_a_program_ended(source: str, status: str) -> None:
    # Its memory limit is address space, of which pytest's own process may have much.
    assert run_guarded(source, 0.5, 1 << 15) == status


def test_ratios_are_taken_round_by_round() -> None:
    ours, peer = Rate("ours", is_sampled=False), Rate("peer", is_sampled=True)
    programs = exemplars(1).programs[:10]
    for our_s, its_s in ((1.0, 2.0), (2.0, 8.0), (1.0, 3.0)):
        ours.add(programs, Measured(our_s, ("passed",) * 10))
        peer.add(programs[:5], Measured(its_s / 2, ("passed",) * 5))
    assert peer.times_ours(ours) == pytest.approx((3.0, 2.0, 4.0))
    assert ours.programs_per_second == pytest.approx(10.0)
