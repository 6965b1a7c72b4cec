"""What the curation benchmark measures with: exact pairs, recall and precision, the exponent, the peer."""

import json
import os
import subprocess
import sys
import time

import pytest

from benchmarks.curation.exactness import compare, similar_pairs
from benchmarks.curation.extraction import Extraction
from benchmarks.curation.extraction import measure as measure_extraction
from benchmarks.curation.functions import repeated
from benchmarks.curation.growing import exponent, steepest
from benchmarks.curation.memory import peak_memory
from benchmarks.curation.plan import plan
from benchmarks.curation.planted import Hidden
from benchmarks.curation.systems import Measured, datasketch_loop, ours
from benchmarks.curation.type_checkers import Checked, disagreement, write_disagreements

WORDS = "one two three four five six seven eight nine ten eleven twelve"
TEXTS = [WORDS, WORDS + " thirteen", "something else that is not like the others at all", WORDS.upper()]


def test_exact_pairs_are_those_that_reach_the_threshold() -> None:
    assert similar_pairs(TEXTS, 0.8) == {(0, 1)}
    assert similar_pairs(TEXTS, 0.95) == set()


@pytest.mark.parametrize(
    ("kept", "recall", "precision"),
    [({0, 2, 3}, 1.0, 1.0), ({1, 2, 3}, 1.0, 1.0), ({0, 1, 2, 3}, 0.0, 0.0), ({0, 1, 2}, 0.0, 0.0), ({0, 2}, 1.0, 0.5)],
)
def test_recall_and_precision_of_rows_that_stay(kept: set[int], recall: float, precision: float) -> None:
    found = compare(TEXTS, frozenset(kept), 0.8)
    assert (found.recall, found.precision) == (recall, precision)


def test_exponent_is_the_power_of_growth() -> None:
    assert exponent([(10, 1.0), (100, 10.0), (1000, 100.0)]) == pytest.approx(1.0)
    assert exponent([(10, 1.0), (100, 100.0)]) == pytest.approx(2.0)
    assert exponent([(10, 1.0)]) is None


def test_what_lies_beyond_the_largest_run_is_taken_to_grow_as_its_last_step_or_the_whole() -> None:
    assert steepest([(10, 1.0), (100, 10.0), (1000, 1000.0)]) == pytest.approx(2.0)
    assert steepest([(10, 1.0), (100, 100.0), (1000, 110.0)]) == pytest.approx(exponent([(10, 1.0), (1000, 110.0)]))
    assert steepest([(10, 1.0)]) is None


def test_peak_memory_is_what_came_on_top_here_and_in_workers_and_not_what_was_there() -> None:
    there = bytearray(64 * 2**20)
    with peak_memory() as peak:
        came = bytearray(os.urandom(2**20)) * 100
        time.sleep(0.2)
        del came
    assert 95 < peak.mib < 130
    fill = "import os, time; x = bytearray(os.urandom(2**20)) * 100; time.sleep(1)"
    peaks = []
    for _ in range(3):
        with peak_memory() as peak:
            subprocess.run([sys.executable, "-c", fill], check=True)
        peaks.append(peak.mib)
    # A child that has not yet started its program has all pages of this process, which a look may catch.
    assert 100 < min(peaks) < 150
    assert len(there) == 64 * 2**20


def test_ours_is_exact_where_the_peer_misses_pairs_at_the_threshold() -> None:
    functions = [
        f"def f{n}(first, second):\n" + "".join(f"    v{n}_{k} = first + {n * k} * second\n" for k in range(12))
        for n in range(60)
    ]
    texts = repeated(functions, 300, seed=1)
    own = compare(texts, ours(texts, 0.7), 0.7)
    assert (own.recall, own.precision) == (1.0, 1.0)
    assert own.num_pairs > 50
    peer = compare(texts, datasketch_loop(texts, 0.7), 0.7)
    assert 0.5 < peer.recall <= 1.0


def test_extraction_counts_functions_of_both_ways(tmp_path) -> None:
    path = tmp_path / "a.py"
    path.write_text('def f(x):\n    """Doc."""\n    return x\n\n\ndef g(x):\n    return x\n', encoding="utf-8")
    own, walk = measure_extraction([path])
    assert (own.num_files, walk.num_functions) == (1, 1)
    assert own.num_functions >= 1


def test_disagreement_is_counted_in_both_directions_by_the_rule_of_the_one_that_drops() -> None:
    checker = [None, "a: wrong", None, "b: wrong", "b: wrong"]
    measure = [None, "c: wrong", "d: wrong", None, None]
    found = disagreement(checker, measure)
    assert found.false_keeps == {"d": 1}
    assert found.false_drops == {"b": 2}


def test_functions_on_which_checkers_differ_are_listed_with_the_error_of_each(tmp_path) -> None:
    checked = {
        "pyright": Checked([None, "a: wrong", "a: wrong"], 1.0, 1.0),
        "ty": Checked([None, "b: wrong", None], 1.0, 1.0),
    }
    write_disagreements(tmp_path / "listed.jsonl", ["same", "both", "apart"], checked)
    (line,) = (tmp_path / "listed.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {"pyright": "a: wrong", "ty": None, "code": "apart"}


def test_a_plan_multiplies_what_was_measured() -> None:
    grown = [Measured("ours", 1_000_000, 400.0, 2048.0, frozenset())]
    extraction = Extraction("ours", num_files=100, num_functions=500, seconds=1.0)
    hidden = Hidden(1, [], 1, {}, {}, rows_per_second=1000.0, index_s=1.0)
    needs = plan(
        5_000_000, 2_000_000, grown=grown, exponent=1.0, extraction=extraction, hidden=hidden, typed_per_second=25.0,
        num_cores=2,
    )  # fmt: skip
    hours = {need.step: need.core_hours for need in needs}
    assert hours["extraction"] == pytest.approx(5_000_000 / 500 / 3600)
    assert hours["types"] == pytest.approx(5_000_000 / 25 / 3600)
    assert hours["near-duplicates of seeds"] == pytest.approx(5 * 400 * 2 / 3600)
    assert max(need.memory_gib for need in needs) == pytest.approx(10.0)
    assert hours["decontamination of responses"] == pytest.approx(2_000_000 / 1000 / 3600)
