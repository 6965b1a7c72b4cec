"""Model folders: checked file by file, read without loading the weights."""

import hashlib
import json
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError

HEADER_LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
HASH_CHUNK_BYTES = 1 << 22
DTYPE_NAMES = {"BF16": "bfloat16", "F16": "float16", "F32": "float32", "F64": "float64"}
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True, slots=True)
class WeightsSummary:
    """What the headers of the safetensors files say: number of parameters and most frequent dtype."""

    parameters: int
    dtype: str


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder, in order of name.

    Raises:
        InputError: there is none, or one that the index names is missing.
    """
    files = sorted(folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.exists():
        shards = set(_read_json(index).get("weight_map", {}).values())
        missing = sorted(name for name in shards if not (folder / name).is_file())
        if missing:
            raise InputError(f"{folder} lacks the weights file {missing[0]} that its index names; copy the whole model")
        files = [folder / name for name in sorted(shards)]
    if not files:
        raise InputError(f"{folder} has no *.safetensors weights; save the model with `save_pretrained` first")
    return files


def check_model_folder(folder: Path) -> dict[str, Any]:
    """Check that a folder holds a model that can be loaded, without loading its weights.

    Returns:
        The content of config.json.

    Raises:
        InputError: config.json, the weights or the tokenizer are missing or damaged.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one with config.json, *.safetensors and a tokenizer")
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} has no config.json; name the folder of a model saved with `save_pretrained`")
    config = _read_json(folder / "config.json")
    weight_files(folder)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise InputError(
            f"{folder} has no tokenizer ({' or '.join(TOKENIZER_FILES)}); save the tokenizer beside the model"
        )
    return config


def hidden_size(folder: Path) -> int:
    """The width of a model's layers by its config.json; 0 if it does not name one.

    Raises:
        InputError: config.json is missing or damaged.
    """
    config = _read_json(folder / "config.json")
    text_config = config.get("text_config")  # of models that take images too
    inner = text_config if isinstance(text_config, dict) else config
    return int(inner.get("hidden_size") or inner.get("n_embd") or 0)


def weights_summary(folder: Path) -> WeightsSummary:
    """Count parameters and find the dtype from the safetensors headers.

    Raises:
        InputError: a file is cut off or is no safetensors file.
    """
    parameters = 0
    by_dtype: Counter[str] = Counter()
    for path in weight_files(folder):
        for spec in _safetensors_header(path).values():
            count = 1
            for size in spec["shape"]:
                count *= size
            parameters += count
            by_dtype[spec["dtype"]] += count
    code = by_dtype.most_common(1)[0][0] if by_dtype else "F32"
    return WeightsSummary(parameters, DTYPE_NAMES.get(code, code.lower()))


def _safetensors_header(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file by name, after checking that the file is as long as its header says."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(HEADER_LENGTH_BYTES))
            if length > MAX_HEADER_BYTES:
                raise ValueError("header too long")
            header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        end = max((spec["data_offsets"][1] for spec in header.values()), default=0)
        if path.stat().st_size != HEADER_LENGTH_BYTES + length + end:
            raise ValueError("cut off")
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise InputError(f"{path} is no whole safetensors file ({error}); fetch or copy it again") from error
    return header


def file_digest(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def weights_digest(folder: Path) -> str:
    """The SHA-256 of a model's weights: of the one file, or of the sorted list of names and digests of several."""
    files = weight_files(folder)
    if len(files) == 1:
        return file_digest(files[0])
    listing = "".join(f"{file_digest(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(listing.encode()).hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no readable JSON ({error}); fetch or copy the model again") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{path} holds no JSON object; fetch or copy the model again")
    return loaded
