"""Whether the models of a run can be had, and how large they are, without downloading anything."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from selfcodealign.doctor.check import Check, State, output_of
from selfcodealign.errors import InputError
from selfcodealign.models import (
    ModelCard,
    check_model_folder,
    find_family,
    find_packaged,
    hidden_size,
    missing_wheels,
    read_card,
    weights_summary,
)
from selfcodealign.params import ImportModel, Params
from selfcodealign.requirements import BFLOAT16_PER_GGUF_BYTE, WEIGHT_BYTES

NETWORK_TIMEOUT_S = 5.0
# pip itself takes seconds to start on a busy machine.
PIP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class ModelFound:
    """A model of the run.

    Attributes:
        settings: which model.
        folder: where its stage puts it.
        check: whether it can be had.
        is_imported: whether it is in the folder already.
        parameters: number of its weights, of a model that is not imported at most; None: not known.
        hidden_size: width of its layers; 0: not known.
    """

    settings: ImportModel
    folder: Path
    check: Check
    is_imported: bool = False
    parameters: int | None = None
    hidden_size: int = 0


def find_models(params: Params, root: Path) -> list[ModelFound]:
    """The base model and, if the generator is another model, that one.

    Args:
        params: the run.
        root: the repository.
    """
    found = [find_model(params.import_model, "Base model", root / "models" / "base", root)]
    if params.import_generator.model is not None:
        found.append(find_model(params.import_generator.model, "Generator", root / "models" / "generator", root))
    return found


def find_model(settings: ImportModel, name: str, folder: Path, root: Path) -> ModelFound:
    """Look for one model: imported, on this machine, or at an address that answers.

    Args:
        settings: which model.
        name: of the check.
        folder: where its stage puts it.
        root: the repository, whose cache of downloads is looked at.
    """
    card = _imported(settings, folder)
    if card is not None:
        check = Check(name, State.OK, f"{settings.name} is imported in {folder.relative_to(root)}")
        return ModelFound(settings, folder, check, True, card.parameters, hidden_size(folder))
    find = {"packaged": _find_packaged, "hub": _find_on_hub, "path": _find_path}[settings.source]
    try:
        found = find(settings, root / ".cache" / "models")
    except InputError as error:
        return ModelFound(settings, folder, Check(name, State.MISSING, str(error)))
    check = Check(name, found.state, found.detail, found.remedy)
    return ModelFound(settings, folder, check, parameters=found.parameters)


class _Found(NamedTuple):
    """What a look-up tells of a model that is not imported."""

    state: State
    detail: str
    remedy: str = ""
    parameters: int | None = None


def _imported(settings: ImportModel, folder: Path) -> ModelCard | None:
    """The card of the model in the folder, if it is the one of the settings."""
    try:
        card = read_card(folder)
    except InputError:
        return None
    family = find_family(settings.name)
    names = {settings.name, str(Path(settings.name).expanduser()), family.hub_name if family else settings.name}
    is_same = card.source == settings.source and card.name.lower() in {name.lower() for name in names}
    return card if is_same else None


def _find_packaged(settings: ImportModel, cache: Path) -> _Found:
    model = find_packaged(settings.name)
    missing = missing_wheels(model, cache / "wheels")
    if not missing:
        return _Found(State.OK, f"{settings.name}: its wheels are in {cache / 'wheels'}", parameters=model.parameters)
    wanted = f"{missing[0][0]}=={model.version}"
    command = [sys.executable, "-m", "pip", "index", "versions", "--disable-pip-version-check", "--retries=0"]
    listed = output_of([*command, f"--timeout={NETWORK_TIMEOUT_S:.0f}", missing[0][0]], PIP_TIMEOUT_S)
    if listed is not None and model.version in listed.replace(",", " ").split():
        return _Found(State.OK, f"{settings.name}: pip's package index has {wanted}", parameters=model.parameters)
    problem = "does not answer" if listed is None else "lacks it"
    remedy = "check the network and pip's index (PIP_INDEX_URL), or set import_model.source to path"
    detail = f"{settings.name}: it needs {wanted}, and pip's package index {problem}"
    return _Found(State.MISSING, detail, remedy, model.parameters)


def _find_on_hub(settings: ImportModel, cache: Path) -> _Found:
    from huggingface_hub import HfApi, errors

    # of whichever HTTP client the library uses: it has changed that client between releases
    http_error: type[Exception] = vars(errors)["HTTPError"]
    family = find_family(settings.name)
    name = family.hub_name if family else settings.name
    try:
        info = HfApi().model_info(name, revision=settings.revision, timeout=NETWORK_TIMEOUT_S)
    except errors.GatedRepoError:
        return _Found(State.MISSING, f"{name} asks to accept its terms", "do so on its page, then run `hf auth login`")
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError):
        detail = f"the Hugging Face Hub has no {name} (revision {settings.revision or 'newest'})"
        return _Found(State.MISSING, detail, "correct name and revision, or run `hf auth login` for a private model")
    except (http_error, errors.OfflineModeIsEnabled, OSError):
        remedy = "check the network or HF_ENDPOINT, or set import_model.source to packaged or path"
        return _Found(State.MISSING, f"{name}: the Hugging Face Hub does not answer", remedy)
    size = info.safetensors.total if info.safetensors else None
    return _Found(State.OK, f"{name} on the Hugging Face Hub", parameters=size)


def _find_path(settings: ImportModel, cache: Path) -> _Found:
    path = Path(settings.name).expanduser()
    if path.suffix == ".gguf":
        if not path.is_file():
            return _Found(State.MISSING, f"{path} does not exist", "correct the model's name in the params")
        parameters = path.stat().st_size * BFLOAT16_PER_GGUF_BYTE // WEIGHT_BYTES["bfloat16"]
        return _Found(State.OK, f"{path}", parameters=parameters)
    check_model_folder(path)
    return _Found(State.OK, f"{path}", parameters=weights_summary(path).parameters)
