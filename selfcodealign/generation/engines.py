"""Which engine answers: the choice of `engine.kind`, and what of it decides an answer."""

from pathlib import Path

from selfcodealign.generation.engine import Engine
from selfcodealign.generation.openai_engine import load_openai
from selfcodealign.generation.ray_engine import load_ray
from selfcodealign.generation.vllm_engine import check_vllm, load_vllm
from selfcodealign.params import Engine as EngineSettings


def load_engine(model_folder: Path, settings: EngineSettings) -> Engine:
    """Start the engine that the settings name, or connect to it.

    Args:
        model_folder: the model's files; a server has its own, and only the tokenizer is read from here.
        settings: the `engine` section of the params.

    Raises:
        InputError: no model that the engine can load.
        PrerequisiteError: a package is missing.
    """
    if settings.kind == "openai":
        return load_openai(model_folder, settings)
    if settings.kind == "ray":
        return load_ray(model_folder, settings)
    return load_vllm(model_folder, settings)


def check_engine(model_folder: Path, settings: EngineSettings) -> None:
    """Check that the engine will find what it needs of this machine, before other work is done for it.

    The engine itself checks this when it starts. Servers and the nodes of a cluster are not looked at.

    Args:
        model_folder: as for `load_engine`.
        settings: the `engine` section of the params.

    Raises:
        PrerequisiteError: the CPU lacks instructions, or there is too little memory.
    """
    if settings.kind == "vllm":
        check_vllm(model_folder, settings)


def engine_identity(settings: EngineSettings) -> dict[str, str]:
    """What of the engine decides an answer and so is part of its journal key, beside the model's fingerprint.

    Of vLLM, in process or on a cluster, that is the precision alone. Of a server it is the name under which it has the
    model: precision and kernels are its own affair, so its answers are never taken for those of an engine that loads
    the model from its folder, nor the other way round. Addresses decide nothing.
    """
    if settings.kind == "openai":
        return {"engine": settings.kind, "served_model": settings.served_model or ""}
    return {"dtype": settings.dtype}


def num_replicas(settings: EngineSettings) -> int:
    """How many copies of the model answer side by side, each with a throughput of its own.

    Replicas whose number is left to the cluster count as one: what it has room for is known when it is there.
    """
    return {"openai": len(settings.servers), "ray": settings.num_replicas or 1}.get(settings.kind, 1)


def has_several_caches(settings: EngineSettings) -> bool:
    """Whether prefixes are cached in more places than one, each of which is to get the same prefixes time after time.

    Of replicas whose number is left to the cluster that is taken to be so.
    """
    return {"openai": len(settings.servers) > 1, "ray": settings.num_replicas != 1}.get(settings.kind, False)
