"""Methods that need neither their class nor an instance, as the plain functions that they are in truth."""

import ast
import re
import textwrap

from selfcodealign.seeds.names import COMPILER_ERRORS

Function = ast.FunctionDef | ast.AsyncFunctionDef

# What only a class gives: the compiler's own cell for it, and the call that looks for it.
_OF_THE_CLASS = frozenset({"super", "__class__"})


class NeedsClassError(Exception):
    """A method needs its class or an instance; the message says why."""


def as_function(code: str) -> str:
    """A method's source as that of a function: dedented, without `@staticmethod` or an instance that it never uses.

    Args:
        code: the lines of the method, decorators included, indented as in its file.

    Returns:
        The function's source. Its syntax tree is the method's, but for the docstring's indentation, the decorator and
        the first parameter.

    Raises:
        NeedsClassError: it uses its instance, its class or names that a class mangles, has other decorators, is one
            of Python's own (`__eq__`), or is no valid Python by itself.
    """
    method = _parsed(f"class _:\n{code}", in_class=True)
    if method.name.startswith("__"):
        raise NeedsClassError("its name belongs to classes")
    decorators = [ast.unparse(decorator) for decorator in method.decorator_list]
    if decorators not in ([], ["staticmethod"], ["classmethod"]):
        raise NeedsClassError(f"decorated with {decorators[0]}")
    instance = None if decorators == ["staticmethod"] else _instance(method)
    _check_names(method, instance)
    plain = textwrap.dedent(_without_decorator(code, method))
    function = _parsed(plain, in_class=False)
    if instance is not None:
        plain = _without_first_parameter(plain, function)
        function = _parsed(plain, in_class=False)
        del method.args.args[0]
    method.decorator_list = []
    if _shape(function) != _shape(method):
        raise NeedsClassError("a text over several lines would change")
    return plain


def _parsed(code: str, *, in_class: bool) -> Function:
    try:
        body = ast.parse(code).body
        found = body[0].body[0] if in_class and isinstance(body[0], ast.ClassDef) else body[0]
    except (*COMPILER_ERRORS, IndexError) as error:
        raise NeedsClassError("no function by itself") from error
    if len(body) > 1 or not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        raise NeedsClassError("no function by itself")
    return found


def _instance(method: Function) -> str:
    taken = method.args
    if taken.posonlyargs or not taken.args or taken.args[0].annotation or len(taken.defaults) == len(taken.args):
        raise NeedsClassError("its first parameter is no plain instance")
    return taken.args[0].arg


def _check_names(method: Function, instance: str | None) -> None:
    for node in ast.walk(method):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        name = node.id if isinstance(node, ast.Name) else node.attr
        if isinstance(node, ast.Name) and name == instance:
            raise NeedsClassError(f"uses {instance}")
        if isinstance(node, ast.Name) and name == method.name:  # of the module: it would become a recursion
            raise NeedsClassError(f"uses another {name}")
        if name in _OF_THE_CLASS:
            raise NeedsClassError(f"uses {name}")
        if name.startswith("__") and not name.endswith("__"):
            raise NeedsClassError(f"uses {name}, which its class mangles")


def _without_decorator(code: str, method: Function) -> str:
    if not method.decorator_list:
        return code
    first, last = method.decorator_list[0].lineno, method.lineno  # counted from the made-up class statement, line 1
    lines = code.split("\n")
    return "\n".join(lines[: first - 2] + lines[last - 2 :])


def _without_first_parameter(code: str, function: Function) -> str:
    parameter = function.args.args[0]
    if parameter.lineno != parameter.end_lineno or parameter.end_col_offset is None:
        raise NeedsClassError("its first parameter is no plain instance")
    lines = code.encode().split(b"\n")
    before = b"\n".join([*lines[: parameter.lineno - 1], lines[parameter.lineno - 1][: parameter.col_offset]])
    after = b"\n".join([lines[parameter.lineno - 1][parameter.end_col_offset :], *lines[parameter.lineno :]])
    return (before + re.sub(rb"^\s*,\s*", b"", after)).decode()


def _shape(function: Function) -> str:
    """The syntax tree without positions, and without how the docstring is indented."""
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        first.value.value = "\n".join(line.strip() for line in first.value.value.split("\n"))
    return ast.dump(function)
