"""Generation: rows become prompts, prompts go through the journal to an engine, answers become rows."""

from selfcodealign.generation.answers import (
    AnswerSession,
    generate_answers,
    make_ask,
    model_fingerprint,
    open_answers,
)
from selfcodealign.generation.engine import (
    Answer,
    Cost,
    Decoding,
    EarlyEnd,
    Engine,
    FinishReason,
    Generation,
    Rejection,
    RejectReason,
    Request,
    Usage,
)
from selfcodealign.generation.engines import check_engine, engine_identity, load_engine, num_replicas
from selfcodealign.generation.exemplar import Exemplar, exemplar_sets, load_exemplars
from selfcodealign.generation.function_tasks import function_tasks
from selfcodealign.generation.openai_engine import load_openai
from selfcodealign.generation.parsing import (
    Fault,
    ParsedResponse,
    ParseReason,
    parse_concepts,
    parse_instruction,
    parse_response,
    python_blocks,
)
from selfcodealign.generation.pooled_engine import PooledEngine
from selfcodealign.generation.prompt_format import PromptFormat, load_prompt_format
from selfcodealign.generation.prompts import (
    concept_prompt,
    instruction_prompt,
    response_prompt,
    seed_instruction_prompt,
)
from selfcodealign.generation.ray_engine import load_ray
from selfcodealign.generation.resampling import ResampledTask, resample_responses
from selfcodealign.generation.server_pool import RetryPolicy
from selfcodealign.generation.steps import StepResult, TaskSource, make_concepts, make_instructions, make_responses
from selfcodealign.generation.vllm_engine import (
    VllmEngine,
    has_fast_bfloat16,
    load_vllm,
    loaded_bytes,
    stored_weights,
)
from selfcodealign.program_text import as_program

__all__ = [
    "Answer",
    "AnswerSession",
    "Cost",
    "Decoding",
    "EarlyEnd",
    "Engine",
    "Exemplar",
    "Fault",
    "FinishReason",
    "Generation",
    "ParseReason",
    "ParsedResponse",
    "PooledEngine",
    "PromptFormat",
    "RejectReason",
    "Rejection",
    "Request",
    "ResampledTask",
    "RetryPolicy",
    "StepResult",
    "TaskSource",
    "Usage",
    "VllmEngine",
    "as_program",
    "check_engine",
    "concept_prompt",
    "engine_identity",
    "exemplar_sets",
    "function_tasks",
    "generate_answers",
    "has_fast_bfloat16",
    "instruction_prompt",
    "load_engine",
    "load_exemplars",
    "load_openai",
    "load_prompt_format",
    "load_ray",
    "load_vllm",
    "loaded_bytes",
    "make_ask",
    "make_concepts",
    "make_instructions",
    "make_responses",
    "model_fingerprint",
    "num_replicas",
    "open_answers",
    "parse_concepts",
    "parse_instruction",
    "parse_response",
    "python_blocks",
    "resample_responses",
    "response_prompt",
    "seed_instruction_prompt",
    "stored_weights",
]
