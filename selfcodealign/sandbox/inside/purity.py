"""Whether a program can touch anything but its own objects: judged from its syntax, before anything of it runs.

A *pure* program names only modules and attributes that lead to no file, process, frame, module dictionary, or state
that outlives it. Pure programs may share a process, one after the other. The check errs to one side: what is not
allowed by a list here makes a program impure, and an impure program gets a process of its own.
"""

import ast
import importlib
import types

from selfcodealign.sandbox.inside.syntax import Syntax, flat


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Modules that a pure program may import. It uses them by name only (`math.pi`, `from math import pi`), never as values,
# and only their public functions, classes and constants.
PURE_MODULES = _words("""
    __future__ abc array base64 binascii bisect cmath collections collections.abc contextlib copy dataclasses datetime
    decimal difflib enum fractions functools hashlib heapq html itertools json math numbers operator pprint random re
    statistics string struct textwrap time typing unicodedata zlib
""")
# Builtins that reach files, code and namespaces, or read attributes by text.
FORBIDDEN_BUILTINS = _words("""
    breakpoint compile copyright credits delattr dir eval exec exit globals help license locals memoryview open
    quit setattr vars
""")
# Public members of those modules that read attributes by text, run code, or change what outlives the program.
FORBIDDEN_MEMBERS = _words("""
    ForwardRef Formatter Scanner SystemRandom attrgetter chdir clear_overloads file_digest get_overloads get_type_hints
    getcontext global_enum localcontext make_dataclass methodcaller no_type_check no_type_check_decorator overload
    redirect_stderr redirect_stdout setcontext tzset update_wrapper
""")
# What leads to frames, to code and to classes that others share.
FORBIDDEN_ATTRIBUTES = _words("""
    ag_await ag_code ag_frame cell_contents co_code co_consts cr_await cr_code cr_frame cr_origin f_back f_builtins
    f_code f_globals f_lineno f_locals f_trace gi_code gi_frame gi_yieldfrom mro register tb_frame tb_next
""")
# Their second argument must be a constant that is itself allowed.
ATTRIBUTE_READERS = _words("getattr hasattr")
# Dunder names that ordinary programs read, and that lead nowhere.
HARMLESS_DUNDERS = frozenset(
    f"__{name}__"
    for name in _words("""
        abs add and bool call cause class contains copy deepcopy delitem doc enter eq exit float floordiv format ge
        getitem gt hash iadd index init int invert iter le len lshift lt matmul missing mod mul name ne neg new next or
        pos post_init pow qualname radd repr reversed rmul round rshift rsub setitem slots str sub truediv xor
    """)
)
# Would run at a time that nobody knows, or have `copy` set any field of any object.
FORBIDDEN_METHODS = _words(
    "__del__ __getattribute__ __getnewargs__ __getnewargs_ex__ __reduce__ __reduce_ex__ __setstate__"
)
# Copies the fields that it is told to, whatever their names: with one argument only, those of a function.
COPIER = "wraps"
IMMUTABLE_TYPES = (int, float, complex, str, bytes, tuple, frozenset, type(None))
FUNCTION_TYPES = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


def pure_modules(syntax: Syntax) -> frozenset[str] | None:
    """Judge a program.

    Returns:
        The modules that it imports if it is pure; None if it is not.
    """
    try:
        return frozenset(_Check(syntax).modules)
    except _ImpureError:
        return None


def waits(syntax: Syntax) -> bool:
    """Whether a program sleeps, or loops for ever, as far as its syntax tells: to try it out would be lost time."""
    if any(node.attr == "sleep" for node in syntax.of(ast.Attribute)):
        return True
    if any(node.id == "sleep" for node in syntax.of(ast.Name)):
        return True
    return any(_is_endless(loop) for loop in syntax.of(ast.While))


def _is_endless(loop: ast.While) -> bool:
    if not isinstance(loop.test, ast.Constant) or not loop.test.value:
        return False
    leaving = (ast.Break, ast.Return, ast.Raise, ast.Yield, ast.YieldFrom, ast.Await, ast.Call)
    return not any(isinstance(node, leaving) for statement in loop.body for node in flat(statement))


class _ImpureError(Exception):
    """Something in the program is not allowed."""


class _Check:
    """One walk over a program. What is wrong ends it with `_ImpureError`."""

    def __init__(self, syntax: Syntax) -> None:
        self.modules: set[str] = set()
        self._aliases: dict[str, str] = {}  # name in the program: module
        self._in_place: set[int] = set()  # ids of the nodes where a name stands as it must
        self._own_private = _private_names(syntax)
        for statement in syntax.imports:
            self._check_import(statement)
        for attribute in syntax.of(ast.Attribute):
            self._check_attribute(attribute)
        for call in syntax.of(ast.Call):
            self._check_reader_call(call)
        self._check_copier(syntax)
        for name in syntax.of(ast.Name):
            self._check_name_node(name)
        for definition in syntax.definitions:
            if definition.name in FORBIDDEN_METHODS or definition.name in self._aliases:
                raise _ImpureError
        self._check_texts(syntax)

    def _check_texts(self, syntax: Syntax) -> None:
        """Names that the tree holds as texts."""
        for pattern in syntax.of(ast.MatchClass):
            for name in pattern.kwd_attrs:
                self._check_attribute_name(name)
        for name in [name for scope in syntax.of(ast.Global) for name in scope.names]:
            self._check_name(name)

    def _check_import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                # `import collections.abc` binds `collections`; with a name it binds the submodule.
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                self._import_module(alias.name)
                self._bind(alias.asname or bound, bound)
            return
        if node.level or node.module is None:
            raise _ImpureError
        self._import_module(node.module)
        for alias in node.names:
            if alias.name == "*":
                raise _ImpureError
            self._check_member(node.module, alias.name)
            self._check_name(alias.asname or alias.name)

    def _import_module(self, name: str) -> None:
        if name not in PURE_MODULES:
            raise _ImpureError
        self.modules.add(name)

    def _bind(self, name: str, module: str) -> None:
        if self._aliases.setdefault(name, module) != module:
            raise _ImpureError
        self._check_name(name)

    def _check_member(self, module_name: str, name: str) -> None:
        """A pure module's member: public, and nothing whose fields could be set."""
        if name.startswith("_") or name in FORBIDDEN_MEMBERS:
            raise _ImpureError
        if module_name == "__future__":
            return
        module = importlib.import_module(module_name)
        public = getattr(module, "__all__", None)
        value = getattr(module, name, None)
        is_typing = module_name == "typing"  # its special forms are objects without fields of use
        is_allowed = isinstance(value, (*FUNCTION_TYPES, *IMMUTABLE_TYPES)) or is_typing
        if not is_allowed or (public is not None and name not in public):
            raise _ImpureError

    def _check_attribute(self, node: ast.Attribute) -> None:
        base = node.value
        if isinstance(base, ast.Name) and base.id in self._aliases:
            if not isinstance(node.ctx, ast.Load):
                raise _ImpureError
            self._in_place.add(id(base))
            self._check_member(self._aliases[base.id], node.attr)
            return
        if not isinstance(node.ctx, ast.Load) and node.attr.startswith("__") and node.attr.endswith("__"):
            raise _ImpureError
        self._check_attribute_name(node.attr)

    def _check_reader_call(self, node: ast.Call) -> None:
        """`getattr` and `hasattr` may be called with a constant name; as values they may not be used."""
        if not isinstance(node.func, ast.Name) or node.func.id not in ATTRIBUTE_READERS:
            return
        name = node.args[1] if len(node.args) > 1 else None
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            raise _ImpureError
        self._check_attribute_name(name.value)
        self._in_place.add(id(node.func))

    def _check_copier(self, syntax: Syntax) -> None:
        called = {
            id(call.func)
            for call in syntax.of(ast.Call)
            if len(call.args) == 1 and not call.keywords and not isinstance(call.args[0], ast.Starred)
        }
        named: list[ast.expr] = [node for node in syntax.of(ast.Name) if node.id == COPIER]
        named += [node for node in syntax.of(ast.Attribute) if node.attr == COPIER]
        renamed = any(alias.name == COPIER and alias.asname for node in syntax.imports for alias in node.names)
        if renamed or any(id(node) not in called for node in named):
            raise _ImpureError

    def _check_name_node(self, node: ast.Name) -> None:
        if node.id in self._aliases or node.id in ATTRIBUTE_READERS:
            # A module or an attribute reader as a value, or a name that is one only now and then.
            if id(node) not in self._in_place or not isinstance(node.ctx, ast.Load):
                raise _ImpureError
        else:
            self._check_name(node.id)

    def _check_name(self, name: str) -> None:
        if name in FORBIDDEN_BUILTINS or name in ATTRIBUTE_READERS:
            raise _ImpureError
        self._check_underscores(name)

    def _check_attribute_name(self, name: str) -> None:
        if name in FORBIDDEN_ATTRIBUTES:
            raise _ImpureError
        self._check_underscores(name)

    def _check_underscores(self, name: str) -> None:
        if name.startswith("__") and name.endswith("__"):
            if name not in HARMLESS_DUNDERS:
                raise _ImpureError
        elif name.startswith("_") and name.strip("_") and name not in self._own_private:
            raise _ImpureError  # a private field of somebody else's object


def _private_names(syntax: Syntax) -> frozenset[str]:
    """Names with an underscore that the program gives itself: functions, classes, variables, parameters and fields."""
    names = [node.name for node in syntax.definitions]
    names += [node.arg for node in syntax.of(ast.arg)]
    names += [node.id for node in syntax.of(ast.Name) if not isinstance(node.ctx, ast.Load)]
    names += [node.attr for node in syntax.of(ast.Attribute) if not isinstance(node.ctx, ast.Load)]
    return frozenset(name for name in names if name.startswith("_"))
