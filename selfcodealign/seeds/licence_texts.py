"""Recognise a licence by its own text, from sentences that only that licence has."""

import re

MAX_TEXT_CHARACTERS = 200_000
# Within this many characters a licence file states the package's own terms; those of bundled libraries come behind.
_HEAD_CHARACTERS = 4_000
BSD_FAMILY = ("BSD-2-Clause", "BSD-3-Clause")

# Each licence with phrases that must all be there and phrases that must not, in normalised text (see `_normalised`).
_SIGNS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Apache-2.0", ("apache license version 2 0 january 2004", "grant of patent license"), ()),
    (
        "BSD-3-Clause",
        (
            "redistribution and use in source and binary forms",
            "redistributions in binary form must reproduce",
            "endorse or promote",
        ),
        ("all advertising materials",),
    ),
    (
        "BSD-2-Clause",
        ("redistribution and use in source and binary forms", "redistributions in binary form must reproduce"),
        ("endorse or promote", "all advertising materials"),
    ),
    (
        "MIT",
        (
            "permission is hereby granted free of charge to any person obtaining a copy",
            "shall be included in all copies",
        ),
        ("except as contained in this notice",),
    ),
    (
        "MIT-0",
        ("permission is hereby granted free of charge to any person obtaining a copy", "to permit persons to whom"),
        ("shall be included in all copies",),
    ),
    (
        "ISC",
        ("permission to use copy modify and or distribute this software for any purpose", "appear in all copies"),
        (),
    ),
    ("ISC", ("permission to use copy modify and distribute this software for any purpose", "appear in all copies"), ()),
    ("PSF-2.0", ("python software foundation license version 2", "psf hereby grants licensee"), ()),
    ("MPL-2.0", ("mozilla public license version 2 0", "covered software"), ("apache license",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",), ()),
    (
        "Zlib",
        ("this software is provided as is without any express or implied warranty", "altered source versions"),
        (),
    ),
    ("CC0-1.0", ("cc0 1 0 universal", "statement of purpose"), ()),
)
# A text that names one of these is never taken for a permissive licence, whatever else it quotes.
_COPYLEFT = (
    "gnu general public license",
    "gnu lesser general public license",
    "gnu affero general public license",
    "gnu library general public license",
    "eclipse public license",
    "creative commons attribution noncommercial",
    "business source license",
    "server side public license",
)


def licence_of_text(text: str) -> str | None:
    """The SPDX id of the licence whose text this is.

    Args:
        text: the content of a LICENSE or COPYING file.

    Returns:
        An SPDX id; the ids joined with AND where several licences are quoted in full; None if none is recognised or a
        copyleft licence is named.
    """
    normal = _normalised(text[:MAX_TEXT_CHARACTERS])
    # MPL-2.0 itself names the GNU licences as compatible; Apache-2.0 does not.
    if any(name in normal for name in _COPYLEFT) and "mozilla public license version 2 0" not in normal:
        return None
    found = []
    for spdx_id, present, absent in _SIGNS:
        if all(sign in normal for sign in present) and not any(sign in normal for sign in absent):
            found.append(spdx_id)
    return " AND ".join(dict.fromkeys(found)) or None


def _normalised(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def bsd_variant(text: str) -> str | None:
    """Which BSD licence a text begins with, for a package that says only "BSD".

    Args:
        text: a licence file, perhaps with the licences of bundled libraries behind the package's own.

    Returns:
        `BSD-3-Clause`, `BSD-2-Clause`, or None if it begins with neither.
    """
    normal = _normalised(text[:_HEAD_CHARACTERS])
    for spdx_id, present, absent in _SIGNS:
        is_it = all(sign in normal for sign in present) and not any(sign in normal for sign in absent)
        if spdx_id in BSD_FAMILY and is_it:
            return spdx_id
    return None
