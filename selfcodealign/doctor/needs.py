"""Memory and disk space of a whole run, from the same estimates that its stages check."""

from collections.abc import Sequence
from pathlib import Path

from selfcodealign.doctor.models import ModelFound
from selfcodealign.errors import InputError
from selfcodealign.estimate import estimate_run
from selfcodealign.generation import loaded_bytes
from selfcodealign.models import import_writes
from selfcodealign.params import Params
from selfcodealign.requirements import (
    WEIGHT_BYTES,
    WEIGHTS,
    Part,
    Write,
    dvc_copies,
    engine_memory,
    generation_writes,
    has_cpu_build,
    training_memory,
    training_writes,
)

# Of a model that is not here yet. Adapters are relatively larger in narrow layers: no model of the params is narrower.
ASSUMED_HIDDEN_SIZE = 512

MemoryNeed = tuple[str, list[Part], str]
"""What needs it, how much, and how to need less."""


def memory_needs(params: Params, models: Sequence[ModelFound]) -> list[MemoryNeed]:
    """What each step that loads a model into this machine's memory needs; models on GPUs are left out.

    Args:
        params: the run.
        models: of `find_models`, the base model first.
    """
    needs: list[MemoryNeed] = []
    if has_cpu_build("vllm"):
        largest = max((model.parameters or 0 for model in models), default=0)
        weights = loaded_bytes(params.engine.dtype, "bfloat16", WEIGHT_BYTES["bfloat16"] * largest)
        if largest:
            needs.append(("vLLM", engine_memory(weights, params.engine.kv_cache_gib), "lower engine.kv_cache_gib"))
    base = models[0]
    if has_cpu_build("torch") and base.parameters:
        parts = training_memory(base.parameters, base.hidden_size or ASSUMED_HIDDEN_SIZE, params.finetune_model)
        needs.append(("finetune_model", parts, "set finetune_model.method: lora, or take a smaller model"))
    return needs


def run_writes(params: Params, models: Sequence[ModelFound], root: Path) -> list[Write]:
    """What the stages of a run write, as far as the sizes are known.

    Args:
        params: the run.
        models: of `find_models`, the base model first.
        root: the repository.
    """
    writes: list[Write] = []
    outputs: list[Write] = []
    for model in models:
        if not model.is_imported and model.parameters:
            imported = import_writes(model.settings, model.folder, root / ".cache" / "models") or [
                # Of the hub: downloaded, and copied from there.
                Write(folder, Part(WEIGHTS, WEIGHT_BYTES["bfloat16"] * model.parameters))
                for folder in (root / ".cache" / "models", model.folder)
            ]
            writes += imported
            outputs += [write for write in imported if write.folder == model.folder and write.part.what == WEIGHTS]
    base = models[0]
    if base.parameters:
        trained = training_writes(
            base.parameters,
            base.hidden_size or ASSUMED_HIDDEN_SIZE,
            params.finetune_model,
            out=root / "models" / "aligned",
            checkpoints=root / ".cache" / "checkpoints",
        )
        writes += trained
        outputs += trained[1:]
    return [*writes, *dvc_copies(outputs, root), *_answers(params, root)]


def _answers(params: Params, root: Path) -> list[Write]:
    """What the answers take; nothing where the number of seeds is not known before they are collected."""
    try:
        steps = estimate_run(params, root / "metrics")
    except InputError:
        return []
    # Steps are called after their stages, and what follows; those that ask no model have no new tokens.
    sections = [(step.requests, getattr(params, step.step.split()[0], None)) for step in steps]
    max_tokens = sum(requests * getattr(section, "max_new_tokens", 0) for requests, section in sections)
    return generation_writes(max_tokens, journal=root / ".cache" / "answers.sqlite")
