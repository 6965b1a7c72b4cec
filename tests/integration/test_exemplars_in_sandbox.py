"""Every shipped exemplar is proven: its answer passes its own tests in the real gVisor sandbox."""

import ast
from dataclasses import replace

import pytest

from selfcodealign.generation import Exemplar, as_program, load_exemplars
from selfcodealign.records import Verdict
from selfcodealign.sandbox import Program, SandboxSettings, open_sandbox

pytestmark = pytest.mark.sandbox


def test_every_answer_passes_its_tests_and_every_seed_can_be_executed() -> None:
    exemplars = load_exemplars()
    answers = {exemplar.name: as_program(exemplar.code, exemplar.tests) for exemplar in exemplars}
    # A seed has no tests of its own; that it defines its last name is what there is to assert.
    seeds = {f"{exemplar.name} (seed)": as_program(exemplar.seed, _defines(exemplar.seed)) for exemplar in exemplars}
    verdicts = _run(answers | seeds)
    assert {name: verdicts[name].stderr for name in answers if verdicts[name].status != "passed"} == {}
    # It runs to its end, and its assertion says nothing about what it computes.
    assert {name: verdicts[name].stderr for name in seeds if verdicts[name].status != "vacuous"} == {}
    assert len(verdicts) == 2 * len(exemplars)
    assert all(verdicts[name].assertions >= 3 for name in answers)
    assert {verdict.isolation.split("-")[0] for verdict in verdicts.values()} == {"docker/runsc"}


def test_the_tests_of_every_exemplar_fail_where_its_answer_does_nothing() -> None:
    broken = {exemplar.name: as_program(_without_effect(exemplar), exemplar.tests) for exemplar in load_exemplars()}
    verdicts = _run(broken)
    assert {verdict.id for verdict in verdicts.values() if verdict.status not in {"failed", "error"}} == set()


def test_an_exemplar_with_one_wrong_expected_value_is_caught() -> None:
    good = load_exemplars()[0]
    planted = replace(good, tests=good.tests + '\nassert mask_serial("AB12345") == "****345"')
    verdicts = _run({"good": as_program(good.code, good.tests), "planted": as_program(planted.code, planted.tests)})
    assert verdicts["good"].status == "passed"
    assert verdicts["planted"].status == "failed"
    assert "AssertionError" in verdicts["planted"].stderr


def _run(sources: dict[str, str]) -> dict[str, Verdict]:
    with open_sandbox(SandboxSettings()) as sandbox:
        return {verdict.id: verdict for verdict in sandbox.run([Program(*item) for item in sources.items()])}


def _defines(seed: str) -> str:
    definition = ast.parse(seed).body[-1]
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    return f"assert {definition.name}.__doc__"


def _without_effect(exemplar: Exemplar) -> str:
    """The answer, every function and method of which returns None at once."""
    tree = ast.parse(exemplar.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Return(value=None)]
    return ast.unparse(ast.fix_missing_locations(tree))
