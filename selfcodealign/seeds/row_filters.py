"""The cheap filters: each looks at one function alone and says why it is no good seed, or nothing.

The list is the reference's (SelfCodeAlign, section 3 and appendix: quality filtering of the seed functions).
"""

import ast
import re
from collections.abc import Callable
from functools import partial

from selfcodealign.params import FilterSeeds
from selfcodealign.records import Seed
from selfcodealign.seeds.parsed import ParsedSeed, own_nodes
from selfcodealign.seeds.reasons import FilterReason
from selfcodealign.seeds.system_access import blocked_builtin, blocked_module

TextFilter = Callable[[Seed], str | None]
TreeFilter = Callable[[ParsedSeed], str | None]

# Words of unfinished work, and of secrets that no training text should carry on. Whole words; "XXX" and "HACK" only in
# capitals, because `xxx` is a common placeholder in date and regex formats and "hack" an ordinary word.
_UNFINISHED = re.compile(
    r"\b(?:todo|fixme|bug|workaround|not implemented|notimplementederror|deprecated)\b", re.IGNORECASE
)
_UNFINISHED_CAPITALS = re.compile(r"\b(?:XXX|HACK)\b")
_SECRETS = re.compile(
    r"(?<![a-z])(?:passwords?|passwd|passphrase|credentials?|api_?key|secret_?key|private_?key|access_?token)(?![a-z])",
    re.IGNORECASE,
)
_TEST_NAME = re.compile(r"^_*(?:test|tests)(?:_|$)|(?:^|_)(?:doctest|unittest|pytest)")
_TEST_MODULES = frozenset({"doctest", "unittest", "pytest", "nose", "hypothesis"})


def text_filters(settings: FilterSeeds) -> list[tuple[FilterReason, TextFilter]]:
    """The filters that need no syntax tree and are on, in their order, each with its reason.

    A filter returns None for a good seed, else what is wrong (which may be empty where the reason says it all).
    """
    length: list[tuple[FilterReason, TextFilter]] = [
        (FilterReason.TOO_SHORT, partial(too_short, min_lines=settings.min_lines)),
        (FilterReason.TOO_LONG, partial(too_long, max_lines=settings.max_lines)),
    ]
    return [(FilterReason.NO_DOCSTRING, no_docstring), *length] if settings.docstring else length


def tree_filters(settings: FilterSeeds) -> list[tuple[FilterReason, TreeFilter]]:
    """The filters that read the syntax tree and are on, in their order, each with its reason."""
    chosen: list[tuple[bool, FilterReason, TreeFilter]] = [
        (settings.arguments, FilterReason.NO_ARGUMENTS, no_arguments),
        (settings.returns_value, FilterReason.NO_RETURN_VALUE, no_return_value),
        (settings.bad_words, FilterReason.BAD_WORDS, bad_words),
        (settings.system_imports, FilterReason.SYSTEM_IMPORTS, system_imports),
        (settings.test_code, FilterReason.TEST_CODE, looks_like_test),
    ]
    return [(reason, check) for is_on, reason, check in chosen if is_on]


def no_docstring(seed: Seed) -> str | None:
    """The function has no docstring, or an empty one."""
    return None if seed.docstring.strip() else ""


def num_lines(seed: Seed) -> int:
    """Lines of the function, docstring and decorators included, imports not."""
    return seed.last_line - seed.first_line + 1


def too_short(seed: Seed, min_lines: int) -> str | None:
    """The function has fewer lines than `min_lines`."""
    return f"{num_lines(seed)} lines" if num_lines(seed) < min_lines else None


def too_long(seed: Seed, max_lines: int) -> str | None:
    """The function has more lines than `max_lines`."""
    return f"{num_lines(seed)} lines" if num_lines(seed) > max_lines else None


def no_arguments(parsed: ParsedSeed) -> str | None:
    """The function takes no argument."""
    taken = parsed.function.args
    has_any = taken.posonlyargs or taken.args or taken.kwonlyargs or taken.vararg or taken.kwarg
    return None if has_any else ""


def no_return_value(parsed: ParsedSeed) -> str | None:
    """No `return` of the function itself (not of a function inside it) returns something other than None."""
    for node in own_nodes(parsed.function):
        if isinstance(node, ast.Return) and not (
            node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
        ):
            return None
    return ""


def bad_words(parsed: ParsedSeed) -> str | None:
    """Code, comments or docstring hold a word of unfinished work or of secrets."""
    for pattern in (_UNFINISHED, _UNFINISHED_CAPITALS, _SECRETS):
        found = pattern.search(parsed.seed.code)
        if found:
            return found.group().lower()
    return None


def system_imports(parsed: ParsedSeed) -> str | None:
    """The function imports a module, or calls a builtin, that reaches the system: files, processes, network, ..."""
    for node in ast.walk(parsed.module):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        for module in modules:
            blocked = blocked_module(module)
            if blocked:
                return f"import {blocked}"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and blocked_builtin(node.id):
            return node.id
    return None


def looks_like_test(parsed: ParsedSeed) -> str | None:
    """The function is a test, by its name or by a test framework that it imports."""
    if _TEST_NAME.search(parsed.function.name):
        return parsed.function.name
    for node in ast.walk(parsed.module):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        framework = next((name for name in names if name.split(".")[0] in _TEST_MODULES), None)
        if framework:
            return f"import {framework}"
    return None
