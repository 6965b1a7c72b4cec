"""Licences as SPDX expressions: from package metadata, licence files, dataset columns; and which of them are permitted.

Unknown stays unknown: nothing is guessed from a word such as "open source", and evidence that disagrees is joined with
AND, so that every licence named must be permitted.
"""

import re
from collections.abc import Iterable, Sequence
from email.message import Message
from functools import cache
from importlib.metadata import Distribution
from typing import Any, cast

from selfcodealign.errors import InputError
from selfcodealign.seeds.licence_texts import BSD_FAMILY, bsd_variant, licence_of_text

_MAX_NAME_CHARACTERS = 120

# What people write in the free-text `License` field. "BSD" alone is left out: it does not say which BSD.
_ALIASES = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "mit license": "MIT",
    "the mit license": "MIT",
    "expat": "MIT",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "bsd-3": "BSD-3-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 2-clause license": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "zope public license": "ZPL-2.1",
    "zlib/libpng license": "Zlib",
    "cc0 1.0 universal (cc0 1.0) public domain dedication": "CC0-1.0",
}
_AMBIGUOUS_BSD = frozenset({"bsd", "bsd license", "bsd-like", "bsd licence", "osi approved :: bsd license"})
# Trove classifiers that say nothing about the terms.
_EMPTY_CLASSIFIERS = frozenset({"osi approved", "dfsg approved"})
_LICENCE_FILE = re.compile(r"(?:LICEN[CS]E|COPYING)", re.IGNORECASE)


@cache
def _licensing() -> Any:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def spdx_expression(text: str) -> str | None:
    """A licence expression in its normal SPDX form, or None if it is none (an unknown id, a syntax error).

    Args:
        text: such as `MIT`, `apache-2.0 or mit` or `Apache-2.0 WITH LLVM-exception`.
    """
    import boolean
    from license_expression import ExpressionError

    if not text.strip() or len(text) > 2000:
        return None
    try:
        parsed = _licensing().parse(text.strip(), validate=True, strict=True)
    except (ExpressionError, boolean.ParseError, ValueError, AttributeError, TypeError):
        return None  # the parser answers some malformed input with the last two
    return None if parsed is None else str(parsed)


class PermittedLicences:
    """The licences under which code may be used, and the question whether an expression is among them."""

    def __init__(self, ids: Iterable[str]) -> None:
        """Take the permitted SPDX ids.

        Raises:
            InputError: one of them is no SPDX id.
        """
        self._ids = set()
        for name in ids:
            known = spdx_expression(name)
            if known is None or " " in known:
                raise InputError(
                    f"collect_seeds.licences: {name!r} is no SPDX licence id; see https://spdx.org/licenses"
                )
            self._ids.add(known)

    def permits(self, expression: str) -> bool:
        """Whether an SPDX expression can be met with permitted licences: all sides of AND, one side of OR.

        An exception (`WITH`) only adds rights, so its base licence decides.
        """
        return self._permits(_licensing().parse(expression))

    def _permits(self, node: Any) -> bool:
        licensing = _licensing()
        if isinstance(node, licensing.AND):
            return all(self._permits(part) for part in node.args)
        if isinstance(node, licensing.OR):
            return any(self._permits(part) for part in node.args)
        base = getattr(node, "license_symbol", node)
        return base.key in self._ids


def licence_from_names(names: Sequence[str]) -> str | None:
    """One expression from a list of licence names, all of which apply (a dataset's licence column).

    Returns:
        The names joined with AND, or None if the list is empty or one of them is unknown.
    """
    expressions = [_from_name(name) for name in names if name and name.strip()]
    if not expressions or None in expressions:
        return None
    return _joined([expression for expression in expressions if expression is not None])


def distribution_licence(distribution: Distribution) -> str | None:
    """The licence of an installed Python package.

    `License-Expression` (PEP 639) decides where it is set. Otherwise the `License` field and the classifiers are read,
    and licence files where those do not settle it: "BSD" alone, or nothing at all.

    Returns:
        An SPDX expression, or None if the metadata does not tell, or names a licence that cannot be identified.
    """
    metadata = cast("Message", distribution.metadata)  # PackageMetadata promises less than it is
    stated = metadata.get("License-Expression")
    if stated:
        return spdx_expression(stated)
    field = (metadata.get("License") or "").strip()
    if len(field) > _MAX_NAME_CHARACTERS or "\n" in field:
        field = ""  # the text of a licence, often with those of bundled libraries: classifiers and files tell better
    lines = [str(line) for line in metadata.get_all("Classifier") or []]
    classifiers = [line.split("::")[-1].strip() for line in lines if line.startswith("License ::")]
    names = [field, *(name for name in classifiers if name.lower() not in _EMPTY_CLASSIFIERS)]
    named = [name for name in names if name and name.upper() != "UNKNOWN"]
    if not named:
        found = {licence_of_text(text) for text in _licence_texts(distribution)}
        return found.pop() if len(found) == 1 else None
    ambiguous = [name for name in named if name.lower() in _AMBIGUOUS_BSD]
    expressions = [_from_name(name) for name in named if name not in ambiguous]
    known = [expression for expression in expressions if expression is not None]
    if len(known) < len(expressions):
        return None
    if ambiguous and not any(family in " ".join(known) for family in BSD_FAMILY):
        variant = next(filter(None, map(bsd_variant, _licence_texts(distribution))), None)
        if variant is None:
            return None
        known.append(variant)
    return _joined(known)


def _from_name(name: str) -> str | None:
    plain = " ".join(name.split()).strip(" .")
    return _ALIASES.get(plain.lower()) or spdx_expression(plain)


def _joined(expressions: Sequence[str]) -> str:
    """Distinct expressions joined with AND; one that another already names (`A` beside `A OR B`) adds nothing."""
    distinct = list(dict.fromkeys(expressions))
    keys = {expression: set(_licensing().license_keys(expression)) for expression in distinct}
    kept = [
        expression
        for expression in distinct
        if not any(keys[expression] < keys[other] for other in distinct if other != expression)
    ]
    if len(kept) == 1:
        return kept[0]
    return " AND ".join(f"({part})" if re.search(r"\bOR\b", part) else part for part in kept)


def _licence_texts(distribution: Distribution) -> list[str]:
    """The package's own licence files (not those of packages that it carries along), and a long `License` field."""
    metadata = cast("Message", distribution.metadata)
    texts = []
    for file in distribution.files or []:
        if _LICENCE_FILE.match(file.name) and file.parts[0].endswith(".dist-info"):
            try:
                texts.append(file.read_text(encoding="utf-8"))
            except (OSError, UnicodeDecodeError):
                continue
    field = str(metadata.get("License") or "")
    return texts or ([field] if len(field) > _MAX_NAME_CHARACTERS else [])
