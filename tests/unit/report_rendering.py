"""Rendered report pages as tests read them, and rows for them."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from selfcodealign.params import load_params
from selfcodealign.records import Example, Message
from selfcodealign.report import (
    Evaluation,
    ReportInputs,
    write_report,
)

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
HOSTILE = "</code></pre><script>alert(1)</script><img src=http://outside.invalid/x onerror=alert(1)>"


class Reader(HTMLParser):
    """Collects what could act or fetch, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.text = re.sub(r"\s+", " ", reader.text)
    return reader


def render(tmp_path: Path, **parts: Any) -> str:
    write_report(ReportInputs(params=PARAMS, **parts), tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def example(index: int = 0, **changes: Any) -> Example:
    values: dict[str, Any] = {
        "id": f"pair{index}", "messages": [Message(role="user", content="task")], "instruction": "Write `f`.",
        "response": "Here:\n\n```python\ndef f():\n    return 1\n```\n", "tests": "assert f() == 1",
        "category": "function", "difficulty": "easy", "concepts": ["recursion"], "status": "passed",
        "kept_because": "only_candidate", "response_id": "r", "instruction_id": "i", "seed_id": "s",
        "package": "requests", "version": "2.32.3", "licence": "Apache-2.0", "file": "requests/utils.py",
        "first_line": 10, "last_line": 21,
    }  # fmt: skip
    return Example(**{**values, **changes})


def evaluation(model: str, solved: list[bool], **more: Any) -> Evaluation:
    statuses = ["pass" if one else "fail" for one in solved]
    tasks = {f"HumanEval/{n}": {"base": "pass", "plus": status} for n, status in enumerate(statuses)}
    return Evaluation(
        model=model, benchmark="humaneval_plus", metrics={"seconds": 5.0}, results={"tasks": tasks, **more}
    )
