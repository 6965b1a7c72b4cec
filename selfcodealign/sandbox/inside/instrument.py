"""Compile a program so that the assertions it runs are counted, and know which statement is its last.

Only statements are walked, with a stack of our own: the depth of expressions in a hostile source does not matter here.
What is counted, once executed without failing: `assert`; calls named `assert...` (unittest, numpy and pandas testing
helpers, mocks) that the program does not define itself; `with pytest.raises(...)` and its like; and the handler of
`try: call() / assert False / except SomeError:`. An assertion that names nothing but builtins says nothing about the
program (`assert True`, `assert len("ab") == 2`) and does not count. The sides of `==` are looked at as they are
compared: what equals everything proves nothing. A test's assertion that fails is noted, so that it cannot be swallowed.
"""

import ast
import builtins
import os
import types
import warnings
from collections.abc import Iterator
from typing import Any, Protocol

from selfcodealign.sandbox.inside.syntax import Syntax, flat

BUILTIN_NAMES = frozenset(dir(builtins)) | {"self", "cls"}
RAISING_CONTEXTS = frozenset({"raises", "warns", "deprecated_call"})
# These would also catch the AssertionError of the `assert False` that they stand behind.
CATCH_ALL = frozenset({"Exception", "BaseException", "AssertionError"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TEST_PREFIXES = ("test", "check", "__del__")  # what fails in a finaliser is ignored by the interpreter


# Names by which a program changes how comparisons end, which statement comes next, or what memory holds. They have
# uses, but an assertion of such a program proves nothing.
TAMPERING = frozenset(
    {
        "addTypeEqualityFunc",
        *("from_address", "memmove", "memset", "py_object", "pythonapi", "process_vm_writev"),  # ctypes
        *("__instancecheck__", "__subclasscheck__"),
    }
)


class Hooks(Protocol):
    """What a program calls while it runs, without a name for it."""

    def count(self) -> None:
        """An assertion held."""

    def watch(self, value: Any) -> Any:
        """A side of `==` in an assertion. Returns it."""

    def note_failure(self) -> None:
        """An exception came out of an assertion of a test; it is being handled."""


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
        # Not `any`: the program may have replaced it by now.
        return [lines for lines in self._functions if line in lines] != []


class Prepared:
    """A program that is ready to run.

    Attributes:
        code: its code object.
        final: its last statements.
    """

    def __init__(self, code: types.CodeType, final: FinalLines) -> None:
        self.code = code
        self.final = final


def prepare(syntax: Syntax, filename: str, hooks: Hooks) -> Prepared:
    """Compile a program with its assertions counted.

    Args:
        syntax: the program; its tree is changed.
        filename: name in its tracebacks.
        hooks: called by the program as it runs.

    Raises:
        SyntaxError, ValueError, RecursionError, OverflowError: the program does not compile.
    """
    tree = syntax.tree
    _cut_waiting_main_blocks(tree)
    final = _final_lines(syntax)
    # The hooks are put into the code as constants: no name of them appears in the program's globals.
    places = _Places()
    _add_hooks(syntax, places)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        code = compile(tree, filename, "exec", dont_inherit=True)
    values = {
        places.count: hooks.count,
        places.watch: hooks.watch,
        places.note_failure: hooks.note_failure,
        places.failures: BaseException,
    }
    return Prepared(_replace_constants(code, values), final)


class _Places:
    """Texts that stand in the tree for what the code will hold as constants. Drawn anew for each program."""

    def __init__(self) -> None:
        nonce = os.urandom(16).hex()
        self.count = f"count-{nonce}"
        self.watch = f"watch-{nonce}"
        self.note_failure = f"note-failure-{nonce}"
        self.failures = f"failures-{nonce}"


def tampers(syntax: Syntax) -> bool:
    """Whether a program names one of the ways by which an assertion comes to mean nothing."""
    if any(node.name in TAMPERING for node in syntax.definitions):
        return True
    if any(node.id in TAMPERING for node in syntax.of(ast.Name)):
        return True
    return any(
        node.attr in TAMPERING or (node.attr == "f_lineno" and not isinstance(node.ctx, ast.Load))
        for node in syntax.of(ast.Attribute)
    )


def _replace_constants(code: types.CodeType, values: dict[str, object]) -> types.CodeType:
    constants = tuple(
        _replace_constants(item, values)
        if isinstance(item, types.CodeType)
        else (values.get(item, item) if isinstance(item, str) else item)
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
    for node in flat(statement):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"input", *waiting}:
            return True
        if isinstance(node, ast.Attribute) and node.attr == "stdin":
            return True
    return False


# --- the last statements


def _final_lines(syntax: Syntax) -> FinalLines:
    return FinalLines(_final_range(syntax.tree.body), [_final_range(node.body) for node in syntax.functions])


def _final_range(body: list[ast.stmt]) -> range:
    while body and _is_main_guard(body[-1]):
        last = body[-1]
        body = last.body if isinstance(last, ast.If) else []
    if not body or not isinstance(body[-1], (ast.Expr, ast.Raise)):
        return range(0)
    last = body[-1]
    if (
        isinstance(last, ast.Expr)
        and isinstance(last.value, ast.Call)
        and _called_name(last.value).startswith("assert")
    ):
        return range(0)  # an exit out of what is being tested
    return range(body[-1].lineno, (body[-1].end_lineno or body[-1].lineno) + 1)


# --- counting


class _Names:
    """What a program defines and imports, as far as it decides which assertions count."""

    def __init__(self, syntax: Syntax) -> None:
        self.defined: set[str] = set()  # functions, classes, variables, attributes that are set
        self.defined.update(node.name for node in syntax.definitions)
        self.defined.update(node.id for node in syntax.of(ast.Name) if isinstance(node.ctx, ast.Store))
        self.defined.update(node.attr for node in syntax.of(ast.Attribute) if isinstance(node.ctx, ast.Store))
        self.imported: set[str] = set()
        for node in syntax.imports:
            self.imported.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        self._own_builtins = self.defined & BUILTIN_NAMES - {"self"}

    def says_something(self, *nodes: ast.AST) -> bool:
        """Whether the nodes name anything but builtins."""
        for part in flat(*nodes):
            if isinstance(part, ast.Name) and (part.id not in BUILTIN_NAMES or part.id in self._own_builtins):
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


def _add_hooks(syntax: Syntax, places: _Places) -> None:
    names = _Names(syntax)
    tests = _test_assertions(syntax.tree, names)
    for block in _blocks(syntax.tree):
        changed: list[ast.stmt] = []
        for statement in block:
            counts = _counts(statement, names)
            if counts:
                _watch_sides(statement, names, places)
            changed.append(_noting_failure(statement, places) if id(statement) in tests else statement)
            if counts:
                changed.append(_call_statement(statement, places.count))
            elif isinstance(statement, ast.Try) and _expects_exception(statement, names):
                for handler in statement.handlers:
                    if _is_specific(handler):
                        handler.body.insert(0, _call_statement(handler.body[0], places.count))
        block[:] = changed


def _counts(statement: ast.stmt, names: _Names) -> bool:
    if isinstance(statement, ast.Assert):
        return names.says_something(statement.test) and not _always_holds(statement.test)
    if isinstance(statement, ast.Expr):
        value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
        return isinstance(value, ast.Call) and names.is_checking_call(value) and names.call_says_something(value)
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        is_checking = any(names.is_checking_call(item.context_expr) for item in statement.items)
        return is_checking and names.says_something(*statement.body)
    return False


def _always_holds(test: ast.expr) -> bool:
    """Whether a condition holds by its form: a tuple (`assert (x == 1, "text")`), a function, a text, `... or True`."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(isinstance(value, ast.Constant) and value.value for value in test.values)
    if isinstance(test, (ast.Tuple, ast.List, ast.Set)):
        return bool(test.elts)
    if isinstance(test, ast.JoinedStr):
        return any(isinstance(part, ast.Constant) and part.value for part in test.values)
    return isinstance(test, (ast.Lambda, ast.GeneratorExp))


def _expects_exception(statement: ast.Try, names: _Names) -> bool:
    last = [*statement.body, *statement.orelse][-1]
    is_unreachable = isinstance(last, ast.Assert) and isinstance(last.test, ast.Constant) and not last.test.value
    return is_unreachable and names.says_something(*statement.body)


def _is_specific(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return False
    return not any(isinstance(part, ast.Name) and part.id in CATCH_ALL for part in flat(handler.type))


def _test_assertions(tree: ast.Module, names: _Names) -> frozenset[int]:
    """Ids of the assertions that are tests: at the top level, or in functions that are called tests.

    Not those in the code under test, whose AssertionError a test may well expect, nor those in `with raises(...)`.
    """
    found: set[int] = set()
    stack: list[tuple[ast.AST, bool]] = [(tree, True)]
    while stack:
        node, is_test = stack.pop()
        if is_test and (isinstance(node, ast.Assert) or _is_helper_call(node, names)):
            found.add(id(node))
        elif isinstance(node, FUNCTIONS):
            is_test = node.name.startswith(TEST_PREFIXES)
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            is_test = is_test and not any(names.is_checking_call(item.context_expr) for item in node.items)
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                stack.extend((child, is_test) for child in inner)
    return frozenset(found)


def _is_helper_call(node: ast.AST, names: _Names) -> bool:
    if not isinstance(node, ast.Expr):
        return False
    value = node.value.value if isinstance(node.value, ast.Await) else node.value
    return isinstance(value, ast.Call) and names.is_checking_call(value)


def _watch_sides(statement: ast.stmt, names: _Names, places: _Places) -> None:
    """Have the sides of each comparison, or what a testing helper compares, looked at."""
    if isinstance(statement, ast.Assert):
        for node in list(flat(statement.test)):
            if isinstance(node, ast.Compare):
                node.left = _watched(node.left, places)
                node.comparators = [_watched(side, places) for side in node.comparators]
    elif isinstance(statement, ast.Expr) and _is_helper_call(statement, names):
        value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
        if isinstance(value, ast.Call):
            value.args[:2] = [
                side if isinstance(side, ast.Starred) else _watched(side, places) for side in value.args[:2]
            ]


def _watched(side: ast.expr, places: _Places) -> ast.expr:
    if isinstance(side, ast.Constant):
        return side
    call = ast.Call(func=ast.Constant(value=places.watch), args=[side], keywords=[])
    for node in (call, call.func):
        ast.copy_location(node, side)
    return call


def _noting_failure(statement: ast.stmt, places: _Places) -> ast.stmt:
    note = _call_statement(statement, places.note_failure)
    handler = ast.ExceptHandler(type=ast.Constant(value=places.failures), name=None, body=[note, ast.Raise()])
    added = ast.Try(body=[statement], handlers=[handler], orelse=[], finalbody=[])
    for node in (added, handler, handler.type, handler.body[1]):
        if node is not None:
            ast.copy_location(node, statement)
    return added


def _call_statement(where: ast.stmt, place: str) -> ast.stmt:
    call = ast.Call(func=ast.Constant(value=place), args=[], keywords=[])
    added = ast.Expr(value=call)
    for node in (added, call, call.func):
        ast.copy_location(node, where)
    return added
