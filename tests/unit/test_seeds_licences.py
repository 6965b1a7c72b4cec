"""Licences: SPDX expressions from metadata and texts, and which of them are permitted."""

import importlib.metadata

import pytest

from selfcodealign.errors import InputError
from selfcodealign.seeds import (
    PermittedLicences,
    distribution_licence,
    licence_from_names,
    licence_of_text,
    spdx_expression,
)

PERMITTED = PermittedLicences(["MIT", "Apache-2.0", "BSD-3-Clause"])


@pytest.mark.parametrize(
    ("package", "licence"),
    [
        ("networkx", "BSD-3-Clause"),  # License-Expression
        ("funcy", "BSD-3-Clause"),  # "BSD" alone: its licence file decides
        ("numpy", "BSD-3-Clause"),  # the whole text in the License field
        ("tabulate", "MIT"),
        ("transformers", "Apache-2.0"),  # free text "Apache 2.0 License"
        ("wcwidth", "MIT"),  # classifier only
        ("tree-sitter", "MIT"),
        ("hypothesis", "MPL-2.0"),
    ],
)
def test_licences_of_installed_packages_are_found(package: str, licence: str) -> None:
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    assert distribution_licence(distribution) == licence


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: mit OR apache-2.0\nLicense: GPL", "MIT OR Apache-2.0"),
        ("License: MIT\nClassifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: MIT\nClassifier: License :: OSI Approved :: Apache Software License", "MIT AND Apache-2.0"),
        ("License: MIT OR Apache-2.0\nClassifier: License :: OSI Approved :: MIT License", "MIT OR Apache-2.0"),
        ("License: GPLv2 | EPLv1", None),
        ("License: MIT\nClassifier: License :: OSI Approved :: GNU General Public License v2 (GPLv2)", None),
        ("License: Dual License", None),
        ("License: UNKNOWN", None),
        ("License: BSD", None),
        ("Classifier: License :: OSI Approved", None),
        ("License-Expression: Own-Terms", None),
        ("", None),
    ],
)
def test_metadata_becomes_one_expression_and_doubt_becomes_unknown(
    metadata: str, licence: str | None, tmp_path
) -> None:
    folder = tmp_path / "sample-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: sample\nVersion: 1\n{metadata}\n")
    assert distribution_licence(importlib.metadata.PathDistribution(folder)) == licence


@pytest.mark.parametrize(
    ("expression", "is_permitted"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only WITH GCC-exception-3.1", False),
    ],
)
def test_all_sides_of_and_and_one_side_of_or_must_be_permitted(expression: str, is_permitted: bool) -> None:
    assert PERMITTED.permits(expression) is is_permitted


def test_a_permitted_licence_that_is_no_spdx_id_is_one_clear_line() -> None:
    with pytest.raises(InputError, match="'Apache 2' is no SPDX licence id") as caught:
        PermittedLicences(["Apache 2"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "  ", "MIT OR", "((MIT)", "AND", "open source", "MIT\0", "x" * 5000, "MIT AND AND MIT"]
)
def test_malformed_expressions_are_unknown(text: str) -> None:
    assert spdx_expression(text) is None


def test_every_licence_of_a_dataset_row_counts() -> None:
    assert licence_from_names(["MIT", "Apache-2.0", "MIT"]) == "MIT AND Apache-2.0"
    assert licence_from_names(["MIT", "mystery"]) is None
    assert licence_from_names([]) is None


MIT = """The MIT License. Permission is hereby granted, free of charge, to any person obtaining a copy of this software,
to deal in it, and to permit persons to whom it is furnished to do so. The above notice shall be included in all copies
or substantial portions of the Software."""
BSD_2 = """Redistribution and use in source and binary forms, with or without modification, are permitted provided that:
1. Redistributions of source code must retain the above notice. 2. Redistributions in binary form must reproduce it."""
BSD_3 = f"{BSD_2} 3. Neither the name of the holder may be used to endorse or promote products."


def test_licence_texts_are_told_apart() -> None:
    assert licence_of_text(MIT) == "MIT"
    assert licence_of_text(BSD_2) == "BSD-2-Clause"
    assert licence_of_text(BSD_3) == "BSD-3-Clause"
    assert licence_of_text(f"{MIT}\n\n{BSD_3}") == "BSD-3-Clause AND MIT"
    assert licence_of_text(f"{MIT}\nParts are under the GNU General Public License.") is None
    assert licence_of_text("All rights reserved.") is None
