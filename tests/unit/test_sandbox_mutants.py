"""Mutants: one fault each, of every kind, the same for the same seed, and never of what says nothing."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.generation.exemplar import load_exemplars
from selfcodealign.sandbox.mutants import Mutant, make_mutants
from selfcodealign.sandbox.mutation_operators import MutantKind
from selfcodealign.sandbox.source_edits import MAX_CODE_BYTES, UnreadableCodeError

EXEMPLARS = load_exemplars()
CODES = [exemplar.code for exemplar in EXEMPLARS] + [exemplar.seed for exemplar in EXEMPLARS]


def all_mutants(code: str) -> list[Mutant]:
    return make_mutants(code, max_mutants=10_000, seed=0)


def changed(code: str, kind: MutantKind) -> set[str]:
    """The mutants of a kind, each as its code."""
    return {mutant.code for mutant in all_mutants(code) if mutant.kind is kind}


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("x = a < b", MutantKind.COMPARISON, {"x = (a <= b)", "x = (a >= b)"}),
        ("x = a <= b", MutantKind.COMPARISON, {"x = (a < b)", "x = (a > b)"}),
        ("x = a == b", MutantKind.COMPARISON, {"x = (a != b)"}),
        ("x = a in b", MutantKind.COMPARISON, {"x = (a not in b)"}),
        ("x = a is None", MutantKind.COMPARISON, {"x = (a is not None)"}),
        ("x = a != b is c", MutantKind.COMPARISON, {"x = (a == b is c)", "x = (a != b is not c)"}),
        ("x = a + b", MutantKind.ARITHMETIC, {"x = (a - b)"}),
        ("x = a % b", MutantKind.ARITHMETIC, {"x = (a // b)"}),
        ("x = a // b", MutantKind.ARITHMETIC, {"x = (a / b)"}),
        ("x = -a", MutantKind.ARITHMETIC, {"x = (+a)"}),
        ("x += a", MutantKind.ARITHMETIC, {"x -= a"}),
        ("x = a and b and c", MutantKind.BOOLEAN, {"x = (a or b or c)"}),
        ("x = not a", MutantKind.BOOLEAN, {"x = (not not a)"}),
        ("while f(a):\n    g()", MutantKind.CONDITION, {"while not (f(a)):\n    g()"}),
        ("x = a if b else c", MutantKind.CONDITION, {"x = a if not (b) else c"}),
        ("x = [a for a in b if c(a)]", MutantKind.CONDITION, {"x = [a for a in b if not (c(a))]"}),
        ("x = 1", MutantKind.CONSTANT, {"x = 2"}),
        ("x = 1.5", MutantKind.CONSTANT, {"x = 2.5"}),
        ("x = True", MutantKind.CONSTANT, {"x = False"}),
        ("x = 'ab' \"c\"", MutantKind.CONSTANT, {"x = ''"}),
        ("x = ''", MutantKind.CONSTANT, {"x = 'mutant'"}),
        ("x = b'a'", MutantKind.CONSTANT, {"x = b''"}),
        ("def f(a):\n    return a, 1", MutantKind.RETURN_VALUE, {"def f(a):\n    return None"}),
        ("def f(a):\n    yield a", MutantKind.RETURN_VALUE, {"def f(a):\n    ((yield None))"}),
        ("f(x)  # why", MutantKind.STATEMENT, {"pass  # why"}),
        ("for a in b:\n    break", MutantKind.STATEMENT, {"for a in b:\n    pass"}),
        ("def f(a):\n    if a: return\n    g()", MutantKind.STATEMENT,
         {"def f(a):\n    if a: pass\n    g()", "def f(a):\n    if a: return\n    pass"}),
    ],
)  # fmt: skip
def test_each_operator_makes_exactly_its_changes_and_leaves_the_rest_of_the_text_alone(
    code: str, kind: MutantKind, expected: set[str]
) -> None:
    assert changed(code, kind) == expected


@pytest.mark.parametrize(
    "code",
    [
        '"""Doc with 1 + 2."""\n',
        'def f():\n    """Doc."""\n',
        "def f(a: Literal[1, 'x'] = None) -> Optional['int']: pass",
        "x: int",
        "x: Tuple[int, 3]",
        "import a\nfrom b import c",
        "class C:\n    def __repr__(self):\n        return f'C({self.x + 1})'",
        "if __name__ == '__main__':\n    main(1)",
        "if typing.TYPE_CHECKING:\n    x = 1",
        "__all__ = ['a', 'b']",
        "@cache(maxsize=12)\ndef f(): pass",
        "print('a', 1 + 2)",
        "logger.info('a %d', 3)",
        "self.logger.warning('x')",
        "logging.debug('x')",
        "sys.stderr.write('x')",
        "def f():\n    pass\n    return",
        "for a in b:\n    continue",
        "class C:\n    '''Doc'''\n    pass",
        "",
    ],
)
def test_what_says_nothing_about_behaviour_is_left_alone(code: str) -> None:
    assert all_mutants(code) == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\n    raise E('text %d' % 1)\n    x = 1", {"def f():\n    pass\n    x = 1"}),
        ("assert_(type(x).__name__ == a)", {"assert_((type(x).__name__ != a))", "pass"}),
        ("x = y\n'a comment as text'", {"pass\n'a comment as text'"}),
        ("x = y + 'b'", {"x = y + ''", "pass"}),
        ("x = '%s' % y", {"x = '' % y", "pass"}),
        ("x = f'{a}-{b:.2f}.'", {"x = f'{a}{b:.2f}.'", "pass"}),
        ("while False:\n    x = 1", {"while True:\n    x = 1"}),
        (
            "if True:\n    f()\nelse:\n    g()",
            {"if True:\n    pass\nelse:\n    g()", "if False:\n    f()\nelse:\n    g()"},
        ),
    ],
)
def test_of_a_mixed_text_only_the_part_that_decides_is_changed(code: str, expected: set[str]) -> None:
    assert {mutant.code for mutant in all_mutants(code)} == expected


def test_a_negated_condition_is_not_made_twice() -> None:
    assert {mutant.kind for mutant in all_mutants("if a == b:\n    pass")} == {MutantKind.COMPARISON}
    assert {mutant.kind for mutant in all_mutants("if not a:\n    pass")} == {MutantKind.BOOLEAN}


def test_none_is_not_returned_for_a_truth_value_that_is_changed_itself() -> None:
    assert {mutant.code for mutant in all_mutants("def f():\n    return False")} == {"def f():\n    return True"}
    assert all_mutants("def f():\n    return None") == []


def test_text_with_tabs_umlauts_windows_lines_and_f_strings_is_edited_in_the_right_place() -> None:
    code = 'def f(ä):\r\n\tß = "ü" ; x = ä < 3\r\n\treturn f"{ä + 1}{x}"\r\n'
    codes = {mutant.code for mutant in all_mutants(code)}
    assert 'def f(ä):\r\n\tß = "ü" ; x = (ä <= 3)\r\n\treturn f"{ä + 1}{x}"\r\n' in codes
    assert "def f(ä):\r\n\tß = \"ü\" ; x = ä < 3\r\n\treturn f'{ä - 1}{x}'\r\n" in codes


def test_line_kind_and_change_say_what_was_done() -> None:
    (mutant,) = [mutant for mutant in all_mutants("\n\nx = (a\n  < b)") if "<=" in mutant.change]
    assert (mutant.line, mutant.kind) == (3, "comparison")
    assert mutant.change == "`a < b` -> `(a <= b)`"
    (long,) = [one for one in all_mutants(f"f({'a' * 200})") if one.kind == "statement"]
    assert len(long.change) < 100


@pytest.mark.parametrize(
    "code",
    [
        "def f(:",
        "x = '\ud800'",
        "a\x00b",
        "(" * 500 + ")" * 500,
        "x = " + "-" * 100_000 + "1",
        "x" * (MAX_CODE_BYTES + 1),
    ],
)
def test_code_without_a_syntax_tree_is_refused(code: str) -> None:
    with pytest.raises(UnreadableCodeError):
        make_mutants(code, max_mutants=5, seed=0)


def test_a_number_of_thousands_of_digits_costs_the_mutants_of_its_statement_alone() -> None:
    assert {mutant.line for mutant in all_mutants(f"x = 0x{'f' * 5000}\ny = a + 1")} == {2}


def test_a_long_chain_is_either_walked_or_refused() -> None:
    for length in (10, 300, 900, 3000, 60_000):
        try:
            assert len(make_mutants("x = " + "+".join("a" * length), max_mutants=3, seed=0)) == 3 or length == 10
        except UnreadableCodeError:
            assert length > 100


@pytest.mark.parametrize("code", CODES)
def test_every_mutant_of_a_real_text_parses_and_is_a_program_of_its_own(code: str) -> None:
    mutants = all_mutants(code)
    trees = [ast.dump(ast.parse(mutant.code)) for mutant in mutants]
    assert mutants
    assert len({*trees, ast.dump(ast.parse(code))}) == len(mutants) + 1


@settings(max_examples=40, deadline=None)
@given(code=st.sampled_from(CODES), seed=st.integers(0, 2**31), num=st.integers(0, 30), more=st.integers(0, 30))
def test_a_sample_is_bounded_decided_by_the_seed_and_part_of_every_larger_one(
    code: str, seed: int, num: int, more: int
) -> None:
    sample = make_mutants(code, max_mutants=num, seed=seed)
    assert sample == make_mutants(code, max_mutants=num, seed=seed)
    assert len(sample) == min(num, len(all_mutants(code)))
    assert make_mutants(code, max_mutants=num + more, seed=seed)[:num] == sample


def test_another_seed_draws_another_sample() -> None:
    samples = {tuple(mutant.code for mutant in make_mutants(CODES[0], max_mutants=4, seed=seed)) for seed in range(10)}
    assert len(samples) > 5


names = st.sampled_from(["a", "b", "xs"])
leaves = names | st.integers(-9, 9).map(str) | st.sampled_from(["'s'", "True", "None", "1.5", "''"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    binary = st.sampled_from(["+", "-", "*", "//", "%", "<", "<=", "==", "in", "and", "or", "is not"])
    return st.one_of(
        st.tuples(pair, binary).map(lambda found: f"({found[0][0]} {found[1]} {found[0][1]})"),
        inner.map(lambda text: f"not {text}").map(lambda text: f"({text})"),
        inner.map(lambda text: f"[{text} for a in xs if {text}]"),
        st.tuples(pair, inner).map(lambda found: f"({found[0][0]} if {found[1]} else {found[0][1]})"),
        inner.map(lambda text: f"f({text}, key={text})"),
        inner.map(lambda text: f"{{{text}: {text}}}"),
        inner.map(lambda text: 'f"{' + text.replace('"', "'") + '}"' if '"' not in text else text),
    )


expressions = st.recursive(leaves, grown, max_leaves=8)
statements = st.sampled_from(
    ["x = {0}", "x += {0}", "if {0}:\n    y = {1}\nelse:\n    pass", "while {0}:\n    break", "print({0})",
     "def f(a, b={1}):\n    return {0}", "try:\n    x = {0}\nexcept E:\n    raise", "with {0} as x:\n\t{1}",
     "x = {0}; y = {1}  # {0}", "match {0}:\n    case 1:\n        f()"]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(statements, expressions, expressions), min_size=1, max_size=4), st.integers(0, 2**31))
def test_whatever_the_code_mutants_parse_and_differ_from_it_and_from_each_other(
    parts: list[tuple[str, str, str]], seed: int
) -> None:
    code = "\n".join(form.format(first, second) for form, first, second in parts)
    mutants = make_mutants(code, max_mutants=12, seed=seed)
    trees = [ast.dump(ast.parse(mutant.code)) for mutant in mutants]
    assert len({*trees, ast.dump(ast.parse(code))}) == len(mutants) + 1 <= 13


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_mutated_or_refused(text: str) -> None:
    try:
        mutants = make_mutants(text, max_mutants=3, seed=1)
    except UnreadableCodeError:
        return
    assert all(ast.parse(mutant.code) for mutant in mutants)
