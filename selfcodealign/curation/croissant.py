"""Croissant metadata: the dataset described for machines (files, checksums, columns, licences).

Source: the Croissant format specification 1.0, https://docs.mlcommons.org/croissant/docs/croissant-spec.html.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

CROISSANT_FILE = "croissant.json"
RECORDS = "pairs"
LICENCE_PAGE = "https://spdx.org/licenses/{}.html"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "samplingRate": "cr:samplingRate",
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of the dataset: path inside its folder, bytes, and digest."""

    path: str
    num_bytes: int
    sha256: str


def data_file(path: str, data: bytes) -> DataFile:
    """Describe a file by its content."""
    return DataFile(path, len(data), hashlib.sha256(data).hexdigest())


def croissant(
    name: str, description: str, licences: Sequence[str], files: Sequence[DataFile], schema: pa.Schema
) -> dict[str, Any]:
    """The metadata of a dataset in Parquet files that all have one schema.

    Args:
        name: name of the dataset.
        description: what it is, in a sentence or two.
        licences: SPDX expressions of what its rows come from.
        files: the Parquet files.
        schema: their schema; the descriptions of the columns are taken from its metadata.

    Returns:
        The JSON-LD object. Each file is a record set of its own.
    """
    digest = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description,
        "citeAs": f"{name}, sha256 {digest}",
        "license": [_licence(licence) for licence in licences],
        "url": f"urn:sha256:{digest}",
        "version": "1.0.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file.path,
                "name": file.path,
                "contentUrl": file.path,
                "contentSize": f"{file.num_bytes} B",
                "encodingFormat": "application/x-parquet",
                "sha256": file.sha256,
            }
            for file in files
        ],
        "recordSet": [_record_set(file, number, len(files), schema) for number, file in enumerate(files)],
    }


def _licence(expression: str) -> str:
    """A single licence as the address of its text; an expression of several, or one unknown to SPDX, as it is."""
    is_single = " " not in expression and "(" not in expression and not expression.startswith("LicenseRef-")
    return LICENCE_PAGE.format(expression) if is_single else expression


def _record_set(file: DataFile, number: int, num_files: int, schema: pa.Schema) -> dict[str, Any]:
    record_set = RECORDS if num_files == 1 else f"{RECORDS}-{number:05d}"
    return {
        "@type": "cr:RecordSet",
        "@id": record_set,
        "name": record_set,
        "key": {"@id": f"{record_set}/id"},
        "field": [_field(f"{record_set}/{column.name}", file.path, column) for column in schema],
    }


def _field(identity: str, file: str, column: pa.Field) -> dict[str, Any]:
    described = {
        "@type": "cr:Field",
        "@id": identity,
        "name": column.name,
        "description": (column.metadata or {}).get(b"description", b"").decode(),
    }
    kind = column.type
    if pa.types.is_list(kind):
        described["repeated"] = True
        kind = kind.value_type
    source = {"fileObject": {"@id": file}, "extract": {"column": column.name}}
    if not pa.types.is_struct(kind):
        return {**described, "dataType": _data_type(kind), "source": source}
    inner = [
        {
            "@type": "cr:Field",
            "@id": f"{identity}/{part.name}",
            "name": part.name,
            "dataType": _data_type(part.type),
            "source": {**source, "transform": {"jsonPath": f"$[*].{part.name}"}},
        }
        for part in kind
    ]
    return {**described, "subField": inner}


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Boolean" if pa.types.is_boolean(kind) else "sc:Text"
