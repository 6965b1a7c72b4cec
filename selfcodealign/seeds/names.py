"""Which names a function takes from its module, as Python's own compiler sees them."""

import ast
import builtins
import keyword
import symtable
from collections.abc import Iterator

# What `site` adds for interactive use is no builtin of a program.
BUILTIN_NAMES = frozenset(dir(builtins)) - {"copyright", "credits", "license", "exit", "quit", "_"}

# Everything that the compiler raises on source that is no valid, moderately nested Python.
COMPILER_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


# The fields in which statements hold statements (and `try` and `match` their branches, which hold statements).
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class ModuleStateError(Exception):
    """The function changes a variable of its module (`global`)."""


def parse_function(code: str) -> tuple[ast.Module, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Parse code that consists of imports and ends with one function.

    Returns:
        The module, and the function.

    Raises:
        SyntaxError: the code is no valid Python or does not end with a function. Hostile code may raise the other
            `COMPILER_ERRORS`.
    """
    module = ast.parse(code)
    if not module.body or not isinstance(module.body[-1], (ast.FunctionDef, ast.AsyncFunctionDef)):
        raise SyntaxError("the code does not end with a function")
    return module, module.body[-1]


def needed_names(code: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """The names that a function needs from its module: neither its own nor builtins.

    Decorators, default values and annotations count, also annotations in quotes.

    Args:
        code: the function alone, decorators included.
        function: its syntax tree.

    Raises:
        ModuleStateError: the function declares a name `global`.
    """
    needed: set[str] = set()
    top = symtable.symtable(code, "<function>", "exec")
    pending = [top]
    while pending:
        table = pending.pop()
        pending.extend(table.get_children())
        for symbol in table.get_symbols():
            if symbol.is_declared_global():
                raise ModuleStateError(symbol.get_name())
            if symbol.is_referenced() and (table is top or symbol.is_global()):
                needed.add(symbol.get_name())
    needed |= _quoted_names(function)
    return frozenset(needed - {function.name} - BUILTIN_NAMES)


def _quoted_names(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names inside string annotations, such as `x: "list[Node]"`, of parameters, variables and the function itself."""
    annotations = [function.returns]
    for statement in _statements(function):
        if isinstance(statement, ast.AnnAssign):
            annotations.append(statement.annotation)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            taken = statement.args
            parameters = (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg)
            annotations += [parameter.annotation for parameter in parameters if parameter is not None]
    found: set[str] = set()
    for annotation in filter(None, annotations):
        for node in ast.walk(annotation):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= _names_of_expression(node.value)
    return found


def _statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """A function and all statements in it. Only they hold annotations, and they are a tenth of its nodes."""
    pending: list[ast.AST] = [function]
    while pending:
        node = pending.pop()
        yield node
        for field in _BLOCKS:
            pending.extend(getattr(node, field, ()))


def _names_of_expression(text: str) -> set[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except COMPILER_ERRORS:
        return set()  # `Literal["a b"]`: a value, no annotation
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {name for name in names if not keyword.iskeyword(name)}
