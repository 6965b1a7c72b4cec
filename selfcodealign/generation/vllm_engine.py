"""The vLLM engine, in process: continuous batching, prefix cache, each answer yielded when it ends."""

import json
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.generation.early_ends import TOKENS_PER_CHECK, cut
from selfcodealign.generation.engine import Answer, Decoding, Rejection, RejectReason, Request, Waiting
from selfcodealign.params import Dtype
from selfcodealign.params import Engine as EngineSettings
from selfcodealign.requirements import WEIGHT_BYTES, check_cpu, check_memory, engine_memory, has_cpu_build

# Requests that wait inside the engine for each one that runs: enough to refill a batch, and memory stays bounded.
WAITING_PER_RUNNING = 2
# Tokens of a block of the KV cache on a CPU. Only whole blocks of a prefix are found again: vLLM's default of 128 there
# loses 64 tokens of each request on average. Its kernels want multiples of 32. On GPUs the default is 16.
CPU_BLOCK_SIZE = 32

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    """A request inside the engine, and at how many tokens an early end was last looked for."""

    request: Request
    checked: int = 0


class VllmEngine:
    """A model loaded by vLLM in this machine's memory or on its GPUs."""

    def __init__(self, engine: Any, max_model_len: int, window: int) -> None:
        self._engine = engine
        self._tokenizer = engine.get_tokenizer()
        self._max_model_len = max_model_len
        self._window = window

    def generate(
        self, requests: Iterable[Request | None], decoding: Decoding
    ) -> Iterator[tuple[Request, Answer | Rejection]]:
        """Answer the requests, yielding each as it ends. Source: the step loop of vLLM's `LLMEngine`.

        A prompt that leaves no room for `max_new_tokens` is set aside before the engine sees it. An answer that has
        ended early (`Request.ends`) is aborted.
        """
        waiting = Waiting(requests)
        running: dict[str, _Running] = {}
        while running or not waiting.is_exhausted:
            while len(running) < self._window and (request := waiting.following()) is not None:
                rejection = self._submit(request, decoding)
                if rejection is not None:
                    yield request, rejection
                else:
                    running[request.id] = _Running(request)
            for output in self._engine.step() if running else ():
                answer = _answer(output) if output.finished else self._early(running[output.request_id], output)
                if answer is not None:
                    yield running.pop(output.request_id).request, answer

    def _early(self, running: "_Running", output: Any) -> Answer | None:
        """The answer, if it has ended early: looked for every few tokens, and its request aborted."""
        num_tokens = len(output.outputs[0].token_ids)
        if running.request.ends is None or num_tokens < running.checked + TOKENS_PER_CHECK:
            return None
        running.checked = num_tokens
        end = running.request.ends(output.outputs[0].text)
        if end is None:
            return None
        self._engine.abort_request([output.request_id])
        return cut(_answer(output), end)

    def _submit(self, request: Request, decoding: Decoding) -> Rejection | None:
        from vllm import SamplingParams

        tokens = self._tokenizer(request.prompt, add_special_tokens=False)["input_ids"]
        if len(tokens) + decoding.max_new_tokens > self._max_model_len:
            detail = f"{len(tokens)} prompt + {decoding.max_new_tokens} new tokens > {self._max_model_len}"
            return Rejection(RejectReason.PROMPT_TOO_LONG, detail)
        sampling = SamplingParams(
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_new_tokens,
            stop=list(decoding.stop) or None,
            # Greedy decoding draws nothing; a generator for each request would only cost time.
            seed=request.seed if decoding.temperature > 0 else None,
        )
        try:
            self._engine.add_request(request.id, {"prompt_token_ids": tokens}, sampling)
        except ValueError as error:
            return Rejection(RejectReason.ENGINE_REFUSED, str(error).splitlines()[0])
        return None

    def close(self) -> None:
        """End vLLM's engine process and free its memory."""
        self._engine.engine_core.shutdown()


def load_vllm(model_folder: Path, settings: EngineSettings, seed: int = 0) -> VllmEngine:
    """Load a model with vLLM, on GPUs if there are any, else on the CPU.

    Args:
        model_folder: safetensors, config and tokenizer, as `import_model` or `finetune_model` writes them.
        settings: the `engine` section of the params.
        seed: engine seed; requests carry their own.

    Raises:
        PrerequisiteError: vLLM is not installed, or the CPU or the memory is not enough for it.
        InputError: the folder holds no model that vLLM can load.
    """
    check_vllm(model_folder, settings)
    _prepare_process(settings)
    try:
        from vllm import EngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.llm_engine import LLMEngine
    except ImportError as error:
        raise PrerequisiteError(f"vLLM cannot be imported ({error}); install the `cpu` or `gpu` extra") from error
    if not holds_model(model_folder):
        raise InputError(f"{model_folder} holds no model (config.json is missing); run `dvc repro import_model`")
    on_cpu = bool(current_platform.is_cpu())
    if on_cpu:
        # Two more processes would each import everything again: half a minute of start for one model on one machine.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    arguments = EngineArgs(
        model=str(model_folder),
        dtype=_dtype(settings.dtype, _stored_dtype(model_folder), on_cpu=on_cpu),
        seed=seed,
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        tensor_parallel_size=settings.tensor_parallel_size,
        pipeline_parallel_size=settings.pipeline_parallel_size,
        enable_prefix_caching=True,
        disable_log_stats=True,
        use_tqdm_on_load=False,
        # On a CPU compiling costs more than it saves, and a per-request seed fails with chunked prefill.
        enforce_eager=on_cpu,
        block_size=CPU_BLOCK_SIZE if on_cpu else None,
        enable_chunked_prefill=not on_cpu,
        max_num_batched_tokens=max(settings.max_model_len, 4096) if on_cpu else None,
    )
    try:
        engine = LLMEngine.from_engine_args(arguments)
    except (ValueError, RuntimeError, OSError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"vLLM cannot load {model_folder}: {reason}; see the log above, or lower `engine` settings"
        ) from error
    return VllmEngine(engine, settings.max_model_len, settings.max_num_seqs * WAITING_PER_RUNNING)


def check_vllm(model_folder: Path, settings: EngineSettings) -> None:
    """Check in milliseconds, without importing vLLM, that its CPU build can hold the model. GPUs are left to vLLM.

    Args:
        model_folder: as for `load_vllm`; a folder without weights passes, and fails later with a better message.
        settings: the `engine` section of the params.

    Raises:
        PrerequisiteError: the CPU lacks instructions, or there is too little memory.
    """
    if not has_cpu_build("vllm"):
        return
    check_cpu()
    weights_bytes = loaded_bytes(settings.dtype, *stored_weights(model_folder))
    check_memory(
        engine_memory(weights_bytes, settings.kv_cache_gib),
        who=f"vLLM with {model_folder}",
        fix="lower engine.kv_cache_gib",
    )


def stored_weights(model_folder: Path) -> tuple[str, int]:
    """The precision in which a model's weights are stored (empty if unknown), and their bytes on the disk."""
    return _stored_dtype(model_folder), sum(file.stat().st_size for file in model_folder.glob("*.safetensors"))


def loaded_bytes(configured: Dtype, stored: str, stored_bytes: int) -> int:
    """Bytes of a model's weights in the precision in which a CPU holds them.

    Args:
        configured: the setting `engine.dtype`.
        stored: precision in which they are stored; of one that is not known, 2 bytes per weight are assumed.
        stored_bytes: their size on the disk.
    """
    loaded = _dtype(configured, stored, on_cpu=True)
    bytes_before = WEIGHT_BYTES.get(stored, 2)
    bytes_after = bytes_before if loaded == "auto" else WEIGHT_BYTES[loaded]
    return stored_bytes * bytes_after // bytes_before


def holds_model(folder: Path) -> bool:
    """Whether a folder is here, readable, and looks like a model's."""
    return os.access(folder / "config.json", os.R_OK)


def _prepare_process(settings: EngineSettings) -> None:
    """Settings that vLLM takes from the environment only; what a user has set stays.

    By default the CPU build keeps one core for itself, which halves the speed of a two-core machine.
    """
    os.environ.setdefault("VLLM_CPU_NUM_OF_RESERVED_CPU", "0")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(max(1, round(settings.kv_cache_gib))))
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_WORKER_MULTIPROC_METHOD", "spawn")
    logging.getLogger("vllm").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module="vllm")


def _dtype(configured: Dtype, stored: str, *, on_cpu: bool) -> Dtype:
    """The precision to load with: `auto` means as stored, but float32 on a CPU that has to emulate bfloat16.

    vLLM's own `auto` rounds weights that are stored in float32 to bfloat16 (`_resolve_auto_dtype`), which takes back
    most of what a fine-tuning at a small learning rate changed.

    Measured on a Xeon without AVX512_BF16: matrix products in bfloat16 take 2 to 4 times as long as in float32.
    """
    if configured != "auto":
        return configured
    if stored == "float32" or (on_cpu and not has_fast_bfloat16()):
        return "float32"
    return "auto"


def _stored_dtype(model_folder: Path) -> str:
    """The precision that a model's config.json names; empty if it names none."""
    try:
        config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""  # vLLM has the better message
    return str(config.get("dtype") or config.get("torch_dtype") or "")


def has_fast_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX512_BF16 or AMX on x86-64, BF16 on Arm)."""
    try:
        words = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})


def _answer(output: Any) -> Answer:
    completion = output.outputs[0]
    return Answer(
        text=completion.text,
        finish_reason=str(completion.finish_reason),
        prompt_tokens=len(output.prompt_token_ids),
        cached_tokens=int(output.num_cached_tokens or 0),
        output_tokens=len(completion.token_ids),
    )
