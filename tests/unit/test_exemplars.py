"""The shipped exemplars keep their rules, the parser refuses everything else, and the sets are fair."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.errors import InputError
from selfcodealign.generation import (
    Answer,
    ParsedResponse,
    concept_prompt,
    parse_concepts,
    parse_instruction,
    parse_response,
    response_prompt,
)
from selfcodealign.generation.exemplar import (
    CATEGORIES,
    DIFFICULTIES,
    Exemplar,
    exemplar_sets,
    load_exemplars,
    parse_exemplar,
)
from selfcodealign.generation.prompts import Messages

EXEMPLARS = load_exemplars()
each_exemplar = pytest.mark.parametrize("exemplar", EXEMPLARS, ids=lambda exemplar: exemplar.name)

GOOD = """---
category: function
difficulty: easy
concepts: [doubling, integer arithmetic]
---
### Seed
```python
def twice(n: int) -> int:
    \"\"\"Double a number.\"\"\"
    return 2 * n
```
### Instruction
Write `half(n)` for even numbers.
### Response
Divide.

```python
def half(n):
    return n // 2
```
### Tests
```python
assert half(4) == 2
```
"""


def test_the_shipped_exemplars_cover_every_category_and_difficulty_in_the_set_numbers() -> None:
    assert len(EXEMPLARS) == 24
    cells = Counter((exemplar.category, exemplar.difficulty) for exemplar in EXEMPLARS)
    per_category = {"function": 4, "class": 2, "program": 2}
    assert cells == {(c, d): count for c, count in per_category.items() for d in DIFFICULTIES}


def test_no_two_exemplars_share_a_name_a_task_or_a_defined_name() -> None:
    assert len({exemplar.name.split("_", 1)[0] for exemplar in EXEMPLARS}) == len(EXEMPLARS)
    assert len({exemplar.instruction for exemplar in EXEMPLARS}) == len(EXEMPLARS)
    defined = [name for exemplar in EXEMPLARS for name in _defined(exemplar.code) + _defined(exemplar.seed)]
    assert [name for name, count in Counter(defined).items() if count > 1] == ["main"]


@each_exemplar
def test_an_instruction_never_names_a_concept_outright(exemplar: Exemplar) -> None:
    instruction = _plain_words(exemplar.instruction)
    assert 3 <= len(exemplar.concepts) <= 6
    assert [concept for concept in exemplar.concepts if f" {_plain_words(concept).strip()} " in instruction] == []


@each_exemplar
def test_an_instruction_has_25_to_70_words_and_names_what_is_to_be_written(exemplar: Exemplar) -> None:
    assert 25 <= len(exemplar.instruction.split()) <= 70
    asked = set(re.findall(r"`(\w+)", exemplar.instruction))
    assert asked & set(_defined(exemplar.code))
    assert exemplar.code.count("\n") <= 40


@each_exemplar
def test_a_program_has_a_main_entry_and_helpers_and_a_class_exemplar_has_a_class(exemplar: Exemplar) -> None:
    kinds = Counter(type(statement) for statement in ast.parse(exemplar.code).body)
    if exemplar.category == "program":
        assert "main" in _defined(exemplar.code)
        assert kinds[ast.FunctionDef] >= 2
    elif exemplar.category == "class":
        assert kinds[ast.ClassDef] == 1
    else:
        assert kinds[ast.FunctionDef] >= 1
        assert kinds[ast.ClassDef] == 0


@each_exemplar
def test_a_seed_is_one_documented_function_or_class_that_returns_something(exemplar: Exemplar) -> None:
    *before, definition = ast.parse(exemplar.seed).body
    assert all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in before)
    assert isinstance(definition, ast.FunctionDef | ast.ClassDef)
    assert ast.get_docstring(definition)
    assert any(isinstance(node, ast.Return | ast.Yield) for node in ast.walk(definition))
    assert exemplar.seed.count("\n") < 16
    assert definition.name not in exemplar.instruction


@each_exemplar
def test_the_tests_are_three_to_six_plain_assertions_without_printing_or_frameworks(exemplar: Exemplar) -> None:
    statements = ast.parse(exemplar.tests).body
    assert 3 <= sum(isinstance(statement, ast.Assert) for statement in statements) <= 6
    assert all(isinstance(statement, ast.Assert | ast.Assign | ast.Expr) for statement in statements)
    assert "print" not in exemplar.tests
    used = {node.id for node in ast.walk(ast.parse(exemplar.tests)) if isinstance(node, ast.Name)}
    assert used & set(_defined(exemplar.code))


@each_exemplar
def test_an_exemplar_imports_only_pure_parts_of_the_standard_library(exemplar: Exemplar) -> None:
    pure = {"bisect", "collections", "collections.abc", "dataclasses", "itertools", "re", "typing"}
    for source in (exemplar.seed, exemplar.code, exemplar.tests):
        compile(source, exemplar.name, "exec")
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(node, ast.Import) or {alias.name for alias in node.names} <= pure
            assert not isinstance(node, ast.ImportFrom) or node.module in pure


@each_exemplar
def test_response_and_tests_are_short_enough_to_be_read_in_every_prompt(exemplar: Exemplar) -> None:
    # Words and signs stand for tokens here: within a third of what Qwen's tokenizer counts.
    assert len(re.findall(r"\w+|[^\w\s]", exemplar.response + exemplar.tests)) <= 400


@each_exemplar
def test_an_exemplar_shows_the_model_the_very_forms_that_the_answer_parsers_accept(exemplar: Exemplar) -> None:
    asked_for_concepts = concept_prompt([exemplar], code="pass")
    asked_for_response = response_prompt([exemplar], instruction="Do it.")
    assert parse_concepts(_answer(asked_for_concepts)) == list(exemplar.concepts)
    assert parse_instruction(_finished(exemplar.instruction), list(exemplar.concepts)) == exemplar.instruction
    assert parse_response(_answer(asked_for_response)) == ParsedResponse(
        response=exemplar.response, code=exemplar.code, tests=exemplar.tests
    )


def test_a_good_file_is_parsed_into_its_parts() -> None:
    assert parse_exemplar("01_half.md", GOOD) == Exemplar(
        name="01_half",
        category="function",
        difficulty="easy",
        concepts=("doubling", "integer arithmetic"),
        seed='def twice(n: int) -> int:\n    """Double a number."""\n    return 2 * n',
        instruction="Write `half(n)` for even numbers.",
        response="Divide.\n\n```python\ndef half(n):\n    return n // 2\n```",
        code="def half(n):\n    return n // 2",
        tests="assert half(4) == 2",
    )


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("category: function", "category: script", "category = 'script'"),
        ("difficulty: easy", "difficulty: [easy]", "difficulty = "),
        ("difficulty: easy\n", "", "front matter"),
        ("difficulty: easy", "difficulty: easy\nauthor: me", "front matter"),
        ("[doubling, integer arithmetic]", "[]", "concepts"),
        ("[doubling, integer arithmetic]", "[1, 2]", "concepts"),
        ("[doubling, integer arithmetic]", "[doubling", "YAML"),
        ("category: function\n", "just words\n", "YAML"),
        ("### Seed", "### Source", "exactly the sections"),
        ("### Instruction\nWrite `half(n)` for even numbers.\n", "", "exactly the sections"),
        ("### Response\n", "### Response\n### Response\n", "exactly the sections"),
        ("assert half(4) == 2\n```\n", "assert half(4) == 2\n```\nThe end.\n", "exactly the sections"),
        ("assert half(4) == 2\n```\n", "assert half(4) == 2\n", "exactly the sections"),
        ("Divide.\n\n", "", "Response"),
        ("    return n // 2\n```\n", "    return n // 2\n```\n```python\nx = 1\n```\n", "Response"),
        ("return n // 2", "return n //", "code is no valid Python"),
        ("return 2 * n", "return 2 *", "seed is no valid Python"),
        ("assert half(4) == 2", "half(4", "tests is no valid Python"),
        ("assert half(4) == 2", "half(4)", "no assert statement"),
    ],
)
def test_a_file_with_any_other_shape_is_refused_in_one_line_that_names_it(old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse_exemplar("07_odd.md", GOOD.replace(old, new))
    assert complaint in str(caught.value)
    assert "07_odd.md" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_is_read_in_the_order_of_its_file_names(tmp_path: Path) -> None:
    for name in ("02_b.md", "01_a.md", "notes.txt"):
        (tmp_path / name).write_text(GOOD, encoding="utf-8")
    assert [exemplar.name for exemplar in load_exemplars(tmp_path)] == ["01_a", "02_b"]


def test_a_missing_an_empty_or_an_unreadable_source_is_an_input_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_exemplars(tmp_path / "nowhere")
    with pytest.raises(InputError, match="no exemplars"):
        load_exemplars(tmp_path)
    (tmp_path / "01_latin.md").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(InputError, match=r"01_latin\.md"):
        load_exemplars(tmp_path)


@pytest.mark.parametrize(("num_sets", "num_exemplars"), [(0, 1), (-1, 1), (1, 0), (1, 25)])
def test_numbers_of_sets_or_exemplars_that_cannot_be_met_are_refused(num_sets: int, num_exemplars: int) -> None:
    with pytest.raises(InputError, match="num_exemplar"):
        exemplar_sets(EXEMPLARS, num_sets, num_exemplars, seed=0)


seeds = st.integers(0, 2**32)
few = settings(max_examples=30, deadline=None)


@few
@given(num_sets=st.integers(1, 8), num_exemplars=st.integers(1, len(EXEMPLARS)), seed=seeds)
def test_sets_have_the_asked_size_no_repeats_and_use_every_exemplar_before_any_is_used_again(
    num_sets: int, num_exemplars: int, seed: int
) -> None:
    sets = exemplar_sets(EXEMPLARS, num_sets, num_exemplars, seed)
    assert len(sets) == num_sets
    assert all(len(chosen) == len({exemplar.name for exemplar in chosen}) == num_exemplars for chosen in sets)
    uses = Counter({exemplar.name: 0 for exemplar in EXEMPLARS})
    uses.update(exemplar.name for chosen in sets for exemplar in chosen)
    assert max(uses.values()) - min(uses.values()) <= 1


@few
@given(num_sets=st.integers(1, 8), num_exemplars=st.integers(1, len(EXEMPLARS)), seed=seeds)
def test_sets_depend_on_the_seed_alone_and_more_sets_leave_the_first_ones_alone(
    num_sets: int, num_exemplars: int, seed: int
) -> None:
    sets = exemplar_sets(EXEMPLARS, num_sets, num_exemplars, seed)
    assert exemplar_sets(tuple(reversed(EXEMPLARS)), num_sets, num_exemplars, seed) == sets
    assert exemplar_sets(EXEMPLARS, num_sets + 3, num_exemplars, seed)[:num_sets] == sets


@few
@given(num_sets=st.integers(1, 8), num_exemplars=st.integers(1, len(EXEMPLARS)), seed=seeds)
def test_every_set_is_within_two_exemplars_of_the_proportions_of_all_exemplars(
    num_sets: int, num_exemplars: int, seed: int
) -> None:
    for chosen in exemplar_sets(EXEMPLARS, num_sets, num_exemplars, seed):
        categories = Counter(exemplar.category for exemplar in chosen)
        difficulties = Counter(exemplar.difficulty for exemplar in chosen)
        for category, share in zip(CATEGORIES, (1 / 2, 1 / 4, 1 / 4), strict=True):
            assert abs(categories[category] - share * num_exemplars) < 2
        for difficulty in DIFFICULTIES:
            assert abs(difficulties[difficulty] - num_exemplars / 3) < 2


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("num_exemplars", [4, 8])
def test_sets_of_four_and_of_eight_have_every_category_in_its_exact_share_and_every_difficulty(
    num_exemplars: int, seed: int
) -> None:
    for chosen in exemplar_sets(EXEMPLARS, 24 // num_exemplars, num_exemplars, seed):
        categories = Counter(exemplar.category for exemplar in chosen)
        part = num_exemplars // 4
        assert categories == {"function": 2 * part, "class": part, "program": part}
        assert {exemplar.difficulty for exemplar in chosen} == set(DIFFICULTIES)


def test_another_seed_deals_other_sets() -> None:
    assert len({exemplar_sets(EXEMPLARS, 3, 4, seed) for seed in range(20)}) == 20


def _answer(prompt: Messages) -> Answer:
    """The exemplar's own turn of a few-shot prompt, as if a model had said it."""
    return _finished(next(turn["content"] for turn in prompt if turn["role"] == "assistant"))


def _finished(text: str) -> Answer:
    return Answer(text=text, finish_reason="stop", prompt_tokens=0, cached_tokens=0, output_tokens=0)


def _defined(source: str) -> list[str]:
    return [
        statement.name for statement in ast.parse(source).body if isinstance(statement, ast.FunctionDef | ast.ClassDef)
    ]


def _plain_words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z]+', text.lower()))} "
