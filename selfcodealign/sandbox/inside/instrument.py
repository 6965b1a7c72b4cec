"""Compile a program so that the assertions it runs are counted, and know which statement is its last.

Only statements are walked, with a stack of our own: the depth of expressions in a hostile source does not matter here.
What is counted, once executed without failing: `assert`; calls named `assert...` (unittest, numpy and pandas testing
helpers, mocks) that the program does not define itself; `with pytest.raises(...)` and its like; and the handler of
`try: call() / assert False / except SomeError:`. An assertion that names nothing but builtins says nothing about the
program (`assert True`, `assert len("ab") == 2`) and does not count.
"""

import ast
import builtins
import os
import types
import warnings
from collections.abc import Callable, Iterator

BUILTIN_NAMES = frozenset(dir(builtins)) | {"self", "cls"}
RAISING_CONTEXTS = frozenset({"raises", "warns", "deprecated_call"})
# These would also catch the AssertionError of the `assert False` that they stand behind.
CATCH_ALL = frozenset({"Exception", "BaseException", "AssertionError"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class FinalLines:
    """The lines of the last top-level statement, and of the last statement of each function, where these are calls."""

    def __init__(self, module: range, functions: list[range]) -> None:
        self._module = module
        self._functions = functions

    def is_final(self, function: str, line: int) -> bool:
        """Whether a frame of the program stands in a last statement.

        Args:
            function: name of the frame's code; `<module>` is the top level.
            line: the line that it executes, counted from 1.
        """
        if function == "<module>":
            return line in self._module
        return any(line in lines for lines in self._functions)


class Prepared:
    """A program that is ready to run.

    Attributes:
        code: its code object.
        final: its last statements.
    """

    def __init__(self, code: types.CodeType, final: FinalLines) -> None:
        self.code = code
        self.final = final


def prepare(source: str, filename: str, count: Callable[[], None]) -> Prepared:
    """Compile a program with its assertions counted.

    Args:
        source: the program.
        filename: name in its tracebacks.
        count: called after each counted assertion.

    Raises:
        SyntaxError, ValueError, RecursionError, OverflowError: the program does not compile.
    """
    tree = ast.parse(source, filename)
    _cut_waiting_main_blocks(tree)
    final = _final_lines(tree)
    # The counter is put into the code as a constant: no name of it appears in the program's globals.
    placeholder = "counter-" + os.urandom(16).hex()
    _add_counting(tree, placeholder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        code = compile(tree, filename, "exec", dont_inherit=True)
    return Prepared(_replace_constant(code, placeholder, count), final)


def _replace_constant(code: types.CodeType, old: str, new: object) -> types.CodeType:
    constants = tuple(
        _replace_constant(item, old, new)
        if isinstance(item, types.CodeType)
        else (new if isinstance(item, str) and item == old else item)
        for item in code.co_consts
    )
    return code.replace(co_consts=constants)


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in the tree. A list may be changed while it is given; new statements are not walked."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                stack.extend(block)
                yield block
        stack.extend(getattr(node, "handlers", ()))
        stack.extend(getattr(node, "cases", ()))


# --- the main block that waits for input


def _is_main_guard(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    names = {side.id for side in sides if isinstance(side, ast.Name)}
    texts = {side.value for side in sides if isinstance(side, ast.Constant)}
    return names == {"__name__"} and texts == {"__main__"} and isinstance(statement.test.ops[0], ast.Eq)


def _cut_waiting_main_blocks(tree: ast.Module) -> None:
    guards = [statement for statement in tree.body if _is_main_guard(statement)]
    if not guards:
        return
    waiting = _waiting_functions(tree)
    for guard in guards:
        if isinstance(guard, ast.If) and any(_waits(statement, waiting) for statement in guard.body):
            guard.body = [ast.copy_location(ast.Pass(), guard)]


def _waiting_functions(tree: ast.Module) -> frozenset[str]:
    """Names of top-level functions that read standard input, themselves or through others."""
    functions = [statement for statement in tree.body if isinstance(statement, FUNCTIONS)]
    waiting: frozenset[str] = frozenset()
    while True:
        found = frozenset(function.name for function in functions if _waits(function, waiting))
        if found == waiting:
            return waiting
        waiting = found


def _waits(statement: ast.stmt, waiting: frozenset[str]) -> bool:
    for node in ast.walk(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"input", *waiting}:
            return True
        if isinstance(node, ast.Attribute) and node.attr == "stdin":
            return True
    return False


# --- the last statements


def _final_lines(tree: ast.Module) -> FinalLines:
    functions = [_final_range(node.body) for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
    return FinalLines(_final_range(tree.body), functions)


def _final_range(body: list[ast.stmt]) -> range:
    while body and _is_main_guard(body[-1]):
        last = body[-1]
        body = last.body if isinstance(last, ast.If) else []
    if not body or not isinstance(body[-1], (ast.Expr, ast.Raise)):
        return range(0)
    return range(body[-1].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)


# --- counting


class _Names:
    """What a program defines and imports, as far as it decides which assertions count."""

    def __init__(self, tree: ast.Module) -> None:
        self.defined: set[str] = set()  # functions, classes, variables, attributes that are set
        self.imported: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                self.defined.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.defined.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                self.defined.add(node.attr)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self.imported.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)

    def says_something(self, *nodes: ast.AST) -> bool:
        """Whether the nodes name anything but builtins."""
        for node in nodes:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and (part.id not in BUILTIN_NAMES or part.id in self.defined - {"self"}):
                    return True
                if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and part.value.id == "self":
                    return True  # self.subject: made in setUp
        return False

    def is_checking_call(self, node: ast.AST) -> bool:
        """Whether this is a call of a testing helper that the program did not define itself."""
        if not isinstance(node, ast.Call):
            return False
        name = _called_name(node)
        return (name.startswith("assert") or name in RAISING_CONTEXTS) and name not in self.defined

    def call_says_something(self, call: ast.Call) -> bool:
        """Whether a checking call is about the program: by its arguments, or by its receiver (a mock)."""
        if self.says_something(*call.args, *[keyword.value for keyword in call.keywords]):
            return True
        root: ast.AST = call.func
        while isinstance(root, ast.Attribute):
            root = root.value
        return isinstance(root, ast.Name) and root.id in self.defined - self.imported - {"self"}


def _called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _add_counting(tree: ast.Module, placeholder: str) -> None:
    names = _Names(tree)
    for block in _blocks(tree):
        counted: list[ast.stmt] = []
        for statement in block:
            counted.append(statement)
            if _counts(statement, names):
                counted.append(_count_statement(statement, placeholder))
            elif isinstance(statement, ast.Try) and _expects_exception(statement, names):
                for handler in statement.handlers:
                    if _is_specific(handler):
                        handler.body.insert(0, _count_statement(handler.body[0], placeholder))
        block[:] = counted


def _counts(statement: ast.stmt, names: _Names) -> bool:
    if isinstance(statement, ast.Assert):
        return names.says_something(statement.test)
    if isinstance(statement, ast.Expr):
        value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
        return isinstance(value, ast.Call) and names.is_checking_call(value) and names.call_says_something(value)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        is_checking = any(names.is_checking_call(item.context_expr) for item in statement.items)
        return is_checking and names.says_something(*statement.body)
    return False


def _expects_exception(statement: ast.Try, names: _Names) -> bool:
    last = [*statement.body, *statement.orelse][-1]
    is_unreachable = isinstance(last, ast.Assert) and isinstance(last.test, ast.Constant) and not last.test.value
    return is_unreachable and names.says_something(*statement.body)


def _is_specific(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return False
    return not any(isinstance(part, ast.Name) and part.id in CATCH_ALL for part in ast.walk(handler.type))


def _count_statement(where: ast.stmt, placeholder: str) -> ast.stmt:
    call = ast.Call(func=ast.Constant(value=placeholder), args=[], keywords=[])
    added = ast.Expr(value=call)
    for node in (added, call, call.func):
        ast.copy_location(node, where)
    return added
