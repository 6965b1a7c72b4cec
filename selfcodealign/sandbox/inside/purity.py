"""Whether a program can touch anything but its own objects: judged from its syntax, before anything of it runs.

A *pure* program names only modules and attributes that lead to no file, process, frame, module dictionary, or object
of the interpreter that could be changed. It can reach neither what judges it nor how its tests compare, so that its
counterfactual copies may run in the process of the program itself. The check errs to one side: what is not allowed by
a list here makes a program impure, and the copies of an impure program run in processes of their own.
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
    __future__ abc base64 binascii bisect cmath collections collections.abc copy dataclasses datetime decimal difflib
    fractions functools hashlib heapq html itertools json math numbers operator random re statistics string textwrap
    time typing unicodedata zlib
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
    setcontext tzset update_wrapper wraps
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
# Methods that decide nothing about how an object compares, counts or computes.
HARMLESS_METHODS = frozenset(
    f"__{name}__"
    for name in _words("""
        init repr str post_init iter next enter exit call getitem setitem delitem aenter aexit aiter anext await
        slots all version author doc match_args
    """)
)
# Names by which tests change what they test with: an assertion after one of them may hold for everything.
TAMPERING = _words("""
    builtins ctypes delattr eval exec gc globals importlib inspect locals mock monkeypatch patch setattr settrace
    setprofile sys types vars __import__ __dict__ __class__ __code__ __builtins__ os signal atexit weakref
""")
# Memory, and the tables by which `unittest` compares.
ALTERING = _words("""
    addTypeEqualityFunc from_address memmove memset py_object pythonapi process_vm_writev PyFrame_LocalsToFast
    co_code co_consts
""")
ALTERED = _words("f_lineno f_trace_opcodes __code__")
CODE_FIELDS = _words("co_code co_consts co_names co_varnames co_linetable co_exceptiontable")
IMMUTABLE_TYPES = (int, float, complex, str, bytes, tuple, frozenset, type(None))
FUNCTION_TYPES = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)


def is_pure(syntax: Syntax) -> bool:
    """Whether a program can touch nothing but its own objects."""
    try:
        _Check(syntax)
    except _ImpureError:
        return False
    return True


def is_rigged(syntax: Syntax) -> bool:
    """Whether a program decides how its objects compare, count or compute: by methods, or fields left out."""
    named = [node.name for node in syntax.functions]
    named += [node.id for node in syntax.of(ast.Name) if isinstance(node.ctx, ast.Store)]
    has_methods = any(_is_special(name) and name not in HARMLESS_METHODS for name in named)
    return has_methods or any(keyword.arg in {"compare", "eq", "order"} for keyword in syntax.of(ast.keyword))


def tampers(syntax: Syntax) -> bool:
    """Whether tests name one of the ways by which helpers, builtins and frames are changed."""
    named = {node.id for node in syntax.of(ast.Name)} | {node.attr for node in syntax.of(ast.Attribute)}
    imported = {name.name.partition(".")[0] for node in syntax.imports for name in node.names}
    modules = {(node.module or "").partition(".")[0] for node in syntax.imports if isinstance(node, ast.ImportFrom)}
    bound = {(name.asname or name.name).partition(".")[0] for node in syntax.imports for name in node.names}
    stored = [_root(node) for node in syntax.of(ast.Attribute) if not isinstance(node.ctx, ast.Load)]
    makes_class = any(isinstance(node.func, ast.Name) and node.func.id == "type" for node in _long_calls(syntax))
    return makes_class or bool((named | imported | modules) & TAMPERING or bound.intersection(stored))


def _long_calls(syntax: Syntax) -> list[ast.Call]:
    return [node for node in syntax.of(ast.Call) if len(node.args) + len(node.keywords) > 1]


def _root(node: ast.expr) -> str:
    """The name that an attribute's path starts with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def alters_code(syntax: Syntax) -> str:
    """The name by which a program looks into code that runs, or changes it or memory; empty if it names none.

    Such a program can make its assertions hold only where they are looked at.
    """
    for node in syntax.of(ast.Attribute):
        if node.attr in ALTERING or (node.attr in ALTERED and not isinstance(node.ctx, ast.Load)):
            return node.attr
    for name in syntax.of(ast.Name):
        if name.id in ALTERING:
            return name.id
    for keyword in syntax.of(ast.keyword):
        if keyword.arg in CODE_FIELDS:
            return keyword.arg
    names = {node.attr for node in syntax.of(ast.Attribute)} | {node.id for node in syntax.of(ast.Name)}
    if "f_locals" in names and "settrace" in names:
        return "f_locals"
    return next((node.value for node in syntax.of(ast.Constant) if node.value == "/proc/self/mem"), "")


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


class _ImpureError(Exception):
    """Something in the program is not allowed."""


class _Check:
    """One walk over a program. What is wrong ends it with `_ImpureError`."""

    def __init__(self, syntax: Syntax) -> None:
        self._aliases: dict[str, str] = {}  # name in the program: module
        self._in_place: set[int] = set()  # ids of the nodes where a name stands as it must
        self._own_private = _private_names(syntax)
        for statement in syntax.imports:
            self._check_import(statement)
        for attribute in syntax.of(ast.Attribute):
            self._check_attribute(attribute)
        for call in syntax.of(ast.Call):
            self._check_reader_call(call)
        self._check_annotations(syntax)
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
        """`getattr` and `hasattr` may be called with a constant name, `type` with one argument; none may be a value."""
        if isinstance(node.func, ast.Name) and node.func.id == "type":
            if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
                raise _ImpureError
            self._in_place.add(id(node.func))
        if not isinstance(node.func, ast.Name) or node.func.id not in ATTRIBUTE_READERS:
            return
        name = node.args[1] if len(node.args) > 1 else None
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            raise _ImpureError
        self._check_attribute_name(name.value)
        self._in_place.add(id(node.func))

    def _check_annotations(self, syntax: Syntax) -> None:
        """Annotations in classes are plain names: `dataclasses` reads them."""
        for definition in syntax.of(ast.ClassDef):
            for item in definition.body:
                if isinstance(item, ast.AnnAssign) and any(
                    isinstance(node, (ast.Call, ast.Lambda)) or (isinstance(node, ast.Constant) and node.value)
                    for node in flat(item.annotation)
                ):
                    raise _ImpureError

    def _check_name_node(self, node: ast.Name) -> None:
        if node.id in self._aliases or node.id in ATTRIBUTE_READERS or node.id == "type":
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
