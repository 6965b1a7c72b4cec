"""The judge: its conversation is fixed by a golden file, its answers are parsed strictly."""

from pathlib import Path

import pytest

from selfcodealign.records import Seed
from selfcodealign.seeds import judge_messages, model_judge, parse_judgement

GOLDEN = Path(__file__).parent / "golden" / "seeds_judge.txt"


def seed(code: str = "def f(x):\n    return {x: '{x}'}") -> Seed:
    return Seed(
        id="s1",
        source="folder",
        package="sample",
        version="1",
        licence="MIT",
        file="a.py",
        path="/a.py",
        first_line=1,
        last_line=2,
        name="f",
        docstring="",
        code=code,
    )


def test_the_conversation_is_the_golden_one() -> None:
    text = "".join(f"<{turn['role']}>\n{turn['content']}\n" for turn in judge_messages(seed()))
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_only_the_last_turn_depends_on_the_seed() -> None:
    first, second = judge_messages(seed("def a(): pass")), judge_messages(seed("def b(): pass"))
    assert first[:-1] == second[:-1]
    assert first[-1] != second[-1]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("Yes", True),
        ("no.", False),
        (" **Yes**, because it is clear.", True),
        ("No\nYes", False),
        ("", None),
        ("Yes or No", None),
        ("It is good: yes", None),
        ("Nothing", None),
        ("Yesterday", None),
        ("not sure", None),
    ],
)
def test_answers_are_parsed_strictly(answer: str, verdict: bool | None) -> None:
    assert parse_judgement(answer) is verdict


def test_a_missing_answer_is_no_verdict() -> None:
    judge = model_judge(lambda questions: {"s1": "Yes"} if questions[0][0] == "s1" else {})
    assert judge([seed()]) == [True]
    assert model_judge(lambda questions: {})([seed()]) == [None]
