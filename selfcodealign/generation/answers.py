"""Requests through the journal to the engine: only what the journal lacks is asked, and each answer is kept at once."""

import dataclasses
import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.generation.engine import Answer, Decoding, Generation, Rejection, Request
from selfcodealign.generation.vllm_engine import load_vllm
from selfcodealign.journal import Journal, journal_key, open_journal
from selfcodealign.params import Engine as EngineSettings
from selfcodealign.progress import progress

logger = logging.getLogger(__name__)


def model_fingerprint(model_folder: Path) -> str:
    """SHA-256 over the names and contents of a model's files: answers of one model are never taken for another's.

    Raises:
        InputError: the folder does not exist or is empty.
    """
    files = sorted(path for path in model_folder.rglob("*") if path.is_file())
    if not files:
        raise InputError(f"{model_folder} holds no model; run `dvc repro import_model`")
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(model_folder)).encode())
        with path.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def generate_answers(
    requests: Sequence[Request],
    decoding: Decoding,
    *,
    model_folder: Path,
    engine: EngineSettings,
    journal_path: Path,
    what: str,
) -> Generation:
    """Answer requests with the model, taking from the journal what it has.

    The engine is started only if something is missing. Requests of one group go side by side, so that their common
    prefix is in vLLM's cache.

    Args:
        requests: prompts with ids that are unique in this call.
        decoding: temperature, top_p, max_new_tokens and stop sequences.
        model_folder: the model's files.
        engine: the `engine` section of the params.
        journal_path: the SQLite file of finished answers.
        what: what the answers are, for the progress bar.

    Returns:
        Answers and rejections by request id, and what they cost.

    Raises:
        InputError: no model, or the journal cannot be written.
        PrerequisiteError: vLLM is missing.
    """
    result = Generation()
    result.usage.requests = len(requests)
    fingerprint = model_fingerprint(model_folder)
    keys = {request.id: _key(fingerprint, engine, decoding, request) for request in requests}
    with open_journal(journal_path) as journal:
        known = journal.get_many(keys.values())
        result.answers = {rid: Answer(**known[key]) for rid, key in keys.items() if key in known}
        missing = [request for request in requests if request.id not in result.answers]
        result.usage.from_journal = len(requests) - len(missing)
        result.usage.asked = len(missing)
        if missing:
            _ask(missing, keys, decoding, model_folder, engine, journal, result, what)
    return result


def _ask(
    missing: Sequence[Request],
    keys: dict[str, str],
    decoding: Decoding,
    model_folder: Path,
    settings: EngineSettings,
    journal: Journal,
    result: Generation,
    what: str,
) -> None:
    logger.info("%s: %d answers from the journal, %d to ask", what, result.usage.from_journal, len(missing))
    started = time.monotonic()
    engine = load_vllm(model_folder, settings)
    result.usage.start_seconds = time.monotonic() - started
    started = time.monotonic()
    try:
        with progress(what, len(missing)) as bar:
            for request, outcome in engine.generate(sorted(missing, key=lambda request: request.group), decoding):
                if isinstance(outcome, Rejection):
                    result.rejections[request.id] = outcome
                else:
                    journal.put(keys[request.id], dataclasses.asdict(outcome))
                    result.answers[request.id] = outcome
                    result.usage.add(outcome)
                rate = result.usage.output_tokens / max(time.monotonic() - started, 1e-9)
                bar.advance(note=f"{rate:.0f} tokens/s")
    finally:
        engine.close()
    result.usage.seconds = time.monotonic() - started


def _key(fingerprint: str, settings: EngineSettings, decoding: Decoding, request: Request) -> str:
    return journal_key(
        "answer",
        model=fingerprint,
        dtype=settings.dtype,
        prompt=request.prompt,
        seed=request.seed if decoding.temperature > 0 else 0,
        decoding=dataclasses.asdict(decoding),
    )
