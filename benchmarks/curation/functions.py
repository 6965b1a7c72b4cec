"""Real functions: of the standard library and the installed packages, repeated with edits where more are needed."""

import ast
import random
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

MAX_FILE_BYTES = 200_000
LINES = (4, 100)
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def python_files(seed: int = 0) -> list[Path]:
    """The Python files of the standard library and of the installed packages, in a drawn order."""
    roots = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    found = {path for root in roots for path in Path(root).rglob("*.py") if path.stat().st_size <= MAX_FILE_BYTES}
    files = sorted(found)
    random.Random(seed).shuffle(files)  # noqa: S311
    return files


def real_functions(count: int, seed: int = 0) -> list[str]:
    """Distinct functions of 4 to 100 lines, as they are written; fewer if the machine has fewer."""
    found: dict[str, None] = {}
    for path in python_files(seed):
        for function in functions_of(path):
            found[function] = None
            if len(found) == count:
                return list(found)
    return list(found)


def repeated(functions: list[str], count: int, seed: int = 0) -> list[str]:
    """So many functions: the real ones, then copies of drawn ones with edits, all shuffled.

    An edit replaces a word or takes away or doubles a line; a copy has up to a fifth as many edits as words, so that
    its similarity to the original lies anywhere between none and all.
    """
    draw = random.Random(seed)  # noqa: S311
    rows = functions[:count]
    while len(rows) < count:
        rows.append(_edited(draw.choice(functions), draw))
    draw.shuffle(rows)
    return rows


def _edited(function: str, draw: random.Random) -> str:
    lines = function.split("\n")
    num_words = len(IDENTIFIER.findall(function))
    for _ in range(int(num_words * 0.2 * draw.random() ** 2)):
        index = draw.randrange(len(lines))
        kind = draw.random()
        if kind < 0.8:
            lines[index] = IDENTIFIER.sub(lambda match: _other(match[0], draw), lines[index], count=1)
        elif kind < 0.9 and len(lines) > 3:
            del lines[index]
        else:
            lines.insert(index, lines[index])
    return "\n".join(lines)


def _other(name: str, draw: random.Random) -> str:
    return f"{name}_{draw.randrange(100)}"


def functions_of(path: Path) -> Iterator[str]:
    """The functions of 4 to 100 lines in a file, methods too; none if it is no Python."""
    try:
        source = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    lines = source.split("\n")
    for node in ast.walk(module):
        if not isinstance(node, ast.FunctionDef):
            continue
        end = node.end_lineno or 0
        if LINES[0] <= end - node.lineno + 1 <= LINES[1]:
            yield "\n".join(lines[node.lineno - 1 : end])
