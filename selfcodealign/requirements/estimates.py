"""How much memory and disk space a stage will need, from the size of the model and the params.

The figures count what the model's size and the params decide, and leave out what depends on the data, such as
activations. They are there to refuse what cannot work, not to predict a peak.
"""

from pathlib import Path

from selfcodealign.requirements.parts import GIB, Part
from selfcodealign.requirements.space import Write, folder_bytes
from selfcodealign.training_params import FinetuneModel

WEIGHTS = "weights"
WEIGHT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Per trained weight. AdamW keeps two moments in float32; Adafactor's are factored into rows and columns.
OPTIMIZER_BYTES = {"adamw_torch": 8, "adafactor": 0}
# vLLM's CPU build repacks the weights for its kernels. Measured with the default model in float32: a process held 6.5
# GiB, of which 1.8 GiB were weights, 2 GiB KV cache and 0.6 GiB libraries; the rest is about the weights once more.
ENGINE_WEIGHT_COPIES = 2
LIBRARIES_BYTES = int(0.6 * GIB)
# De-quantized to bfloat16, a weight takes 16 bits. Files of 4 bits have 5.8 and more with their embeddings, scales and
# vocabulary: that is the least of the packaged ones.
BFLOAT16_PER_GGUF_BYTE = 3
# Text of an answer per token that it may have. A token has about 4 characters, and an answer uses about a third of its
# tokens; its text then lies in the journal, in the rows and in DVC's cache.
BYTES_PER_NEW_TOKEN = 4


def engine_memory(weights_bytes: int, kv_cache_gib: float) -> list[Part]:
    """Memory of vLLM on a CPU.

    Args:
        weights_bytes: the weights in the precision in which they are loaded.
        kv_cache_gib: size of the KV cache, GiB.
    """
    return [
        Part(WEIGHTS, ENGINE_WEIGHT_COPIES * weights_bytes),
        Part("KV cache", int(kv_cache_gib * GIB)),
        Part("libraries", LIBRARIES_BYTES),
    ]


def training_memory(parameters: int, hidden_size: int, settings: FinetuneModel) -> list[Part]:
    """Memory of a training on a CPU, without the activations, which depend on the pairs.

    Args:
        parameters: weights of the model.
        hidden_size: width of its layers.
        settings: how it is trained.
    """
    trained = _trained_parameters(parameters, hidden_size, settings)
    adapters = trained if settings.method == "lora" else 0
    return [
        Part(WEIGHTS, WEIGHT_BYTES["float32"] * (parameters + adapters)),
        Part("gradients", WEIGHT_BYTES["float32"] * trained),
        Part("optimizer", OPTIMIZER_BYTES[settings.optimizer] * trained),
        Part("libraries", LIBRARIES_BYTES),
    ]


def training_writes(
    parameters: int, hidden_size: int, settings: FinetuneModel, *, out: Path, checkpoints: Path
) -> list[Write]:
    """What a training writes: checkpoints, the best weights so far, and the model at its end.

    Args:
        parameters: weights of the model.
        hidden_size: width of its layers.
        settings: how it is trained and saved.
        out: folder of the trained model.
        checkpoints: folder for the checkpoints of this training; what an earlier run left there is used again.
    """
    trained = _trained_parameters(parameters, hidden_size, settings)
    checkpoint = trained * (WEIGHT_BYTES["float32"] + OPTIMIZER_BYTES[settings.optimizer])
    best = trained * WEIGHT_BYTES["float32"] if settings.holdout_share else 0
    # Both are written beside their predecessors, which are deleted when the new ones are whole.
    in_checkpoints = max(0, 2 * (checkpoint + best) - folder_bytes(checkpoints))
    return [
        Write(checkpoints, Part("checkpoints", in_checkpoints)),
        Write(out, Part("trained weights", parameters * WEIGHT_BYTES[settings.save_dtype])),
    ]


def gguf_writes(size_bytes: int, *, destination: Path) -> list[Write]:
    """What de-quantizing a GGUF file writes.

    Args:
        size_bytes: size of the file.
        destination: folder of the model.
    """
    return [Write(destination, Part(WEIGHTS, BFLOAT16_PER_GGUF_BYTE * size_bytes))]


def generation_writes(max_tokens: int, *, journal: Path) -> list[Write]:
    """What answers take on the disk.

    Args:
        max_tokens: tokens of all answers at most.
        journal: file of the finished answers; those that it has already are not written again. The rows are taken to be
            on the same file system.
    """
    num_bytes = max_tokens * BYTES_PER_NEW_TOKEN
    stored = journal.stat().st_size if journal.is_file() else 0
    return [Write(journal.parent, Part("answers", max(0, num_bytes - stored)))]


def _trained_parameters(parameters: int, hidden_size: int, settings: FinetuneModel) -> int:
    """The weights that a training changes: all, or the adapters.

    An adapter of rank r beside a square layer of width h has 2 r h weights where the layer has h^2. Layers that are
    wider on one side have relatively fewer.
    """
    if settings.method == "full":
        return parameters
    return int(parameters * min(1.0, 2 * settings.lora_rank / max(hidden_size, 1)))
