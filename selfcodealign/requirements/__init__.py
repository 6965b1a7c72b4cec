"""What a stage needs of the machine, checked before it loads a model or generates for minutes.

The checks take well under a second, change nothing, and either return or raise a one-line `PrerequisiteError`. `doctor`
prints the same figures for all stages of a run.
"""

from selfcodealign.requirements.cpu import check_cpu, cpu_flags, missing_instructions
from selfcodealign.requirements.estimates import (
    BFLOAT16_PER_GGUF_BYTE,
    WEIGHT_BYTES,
    WEIGHTS,
    engine_memory,
    generation_writes,
    gguf_writes,
    training_memory,
    training_writes,
)
from selfcodealign.requirements.memory import available_memory, check_memory, has_cpu_build
from selfcodealign.requirements.parts import GIB, Part, format_gib, format_parts
from selfcodealign.requirements.space import (
    MARGIN_BYTES,
    Shortage,
    Write,
    check_space,
    dvc_copies,
    folder_bytes,
    free_bytes,
    shortages,
)

__all__ = [
    "BFLOAT16_PER_GGUF_BYTE",
    "GIB",
    "MARGIN_BYTES",
    "WEIGHTS",
    "WEIGHT_BYTES",
    "Part",
    "Shortage",
    "Write",
    "available_memory",
    "check_cpu",
    "check_memory",
    "check_space",
    "cpu_flags",
    "dvc_copies",
    "engine_memory",
    "folder_bytes",
    "format_gib",
    "format_parts",
    "free_bytes",
    "generation_writes",
    "gguf_writes",
    "has_cpu_build",
    "missing_instructions",
    "shortages",
    "training_memory",
    "training_writes",
]
