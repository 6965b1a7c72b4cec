"""The imports of a file, by the names that they bind: what a function needs to stand alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tree_sitter import Node

# Statements of a module whose bodies still run at module level; imports inside them count (`if TYPE_CHECKING`, `try`).
_BLOCKS = frozenset(
    {
        "if_statement",
        "elif_clause",
        "else_clause",
        "try_statement",
        "except_clause",
        "finally_clause",
        "with_statement",
        "block",
    }
)


@dataclass(frozen=True, slots=True)
class Binding:
    """One name that an import statement binds.

    Attributes:
        name: the bound name, as the file's code uses it.
        module: the imported module, with leading dots if relative.
        member: what is imported from it; empty for `import module`.
        alias: the name after `as`; empty if there is none.
    """

    name: str
    module: str
    member: str
    alias: str

    @property
    def is_relative(self) -> bool:
        """Whether only the package itself can resolve the import."""
        return self.module.startswith(".")


def file_imports(root: Node) -> list[Binding]:
    """All names that imports at module level bind, in the order of the file.

    Args:
        root: the `module` node of a tree-sitter parse.
    """
    bindings: list[Binding] = []
    pending = list(reversed(root.children))
    while pending:
        node = pending.pop()
        if node.type == "import_statement":
            bindings.extend(_plain_import(node))
        elif node.type == "import_from_statement":
            bindings.extend(_from_import(node))
        elif node.type in _BLOCKS:
            pending.extend(reversed(node.children))
    return bindings


def needed_imports(bindings: Iterable[Binding], names: frozenset[str]) -> tuple[list[str], set[str], list[str]]:
    """The import statements that bind some names.

    Where a file binds a name in several ways (`try: import a ... except ImportError: import b as a`), the first counts;
    submodules of one package (`import a.b`, `import a.c`) are all taken.

    Args:
        bindings: the file's imports, in its order.
        names: the names that are needed.

    Returns:
        The statements in the file's order, members of one module in one statement; the names that they bind; and the
        relative modules that would be needed (their names are not among the bound ones).
    """
    chosen: list[Binding] = []
    bound: dict[str, Binding] = {}
    relative = []
    for binding in bindings:
        if binding.name not in names or binding in chosen:
            continue
        first = bound.setdefault(binding.name, binding)
        if first is not binding and not (_is_submodule(first) and _is_submodule(binding)):
            continue
        if binding.is_relative:
            relative.append(f"{binding.module}:{binding.member}")
        else:
            chosen.append(binding)
    return _statements(chosen), {binding.name for binding in chosen}, relative


def _is_submodule(binding: Binding) -> bool:
    return not binding.member and not binding.alias


def _statements(bindings: Sequence[Binding]) -> list[str]:
    members: dict[str, list[str]] = {}
    for binding in bindings:
        alias = f" as {binding.alias}" if binding.alias else ""
        if binding.member:
            members.setdefault(f"from {binding.module} import ", []).append(f"{binding.member}{alias}")
        else:
            members[f"import {binding.module}{alias}"] = []
    return [f"{head}{', '.join(names)}" for head, names in members.items()]


def _plain_import(node: Node) -> list[Binding]:
    found = []
    for child in node.children_by_field_name("name"):
        name, alias = _name_and_alias(child)
        found.append(Binding(name=alias or name.split(".")[0], module=name, member="", alias=alias))
    return found


def _from_import(node: Node) -> list[Binding]:
    """The names of a `from` import. `import *` binds none that can be known, so it is left out."""
    module_node = node.child_by_field_name("module_name")
    module = "" if module_node is None else _text(module_node)
    found = []
    for child in node.children_by_field_name("name"):
        name, alias = _name_and_alias(child)
        found.append(Binding(name=alias or name, module=module, member=name, alias=alias))
    return found


def _name_and_alias(node: Node) -> tuple[str, str]:
    if node.type != "aliased_import":
        return _text(node), ""
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    return ("" if name is None else _text(name)), ("" if alias is None else _text(alias))


def _text(node: Node) -> str:
    return "".join((node.text or b"").decode("utf-8", "replace").split())
