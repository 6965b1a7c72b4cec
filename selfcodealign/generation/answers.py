"""Requests through the journal to the engine: only what the journal lacks is asked, and each answer is kept at once."""

import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from selfcodealign.errors import InputError
from selfcodealign.generation.engine import Answer, Decoding, Engine, Generation, Rejection, Request
from selfcodealign.generation.vllm_engine import load_vllm
from selfcodealign.journal import Journal, journal_key, open_journal
from selfcodealign.params import Engine as EngineSettings
from selfcodealign.progress import progress

logger = logging.getLogger(__name__)

FollowUp = Callable[[Request, Answer], Request | None]


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
    follow_up: FollowUp | None = None,
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
        follow_up: gives the request that an answer calls for, or None; its answer is in the result under its own id.
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
    with open_journal(journal_path) as journal:
        asking = _Asking(model_folder, engine, decoding, journal, what)
        try:
            asking.answer(requests)
            if follow_up is not None:
                answered = [(request, asking.result.answers.get(request.id)) for request in requests]
                called_for = [follow_up(request, answer) for request, answer in answered if answer is not None]
                asking.answer([request for request in called_for if request is not None])
        finally:
            asking.close()
    return asking.result


class _Asking:
    """One call's engine, started when the journal lacks something, and its growing result."""

    def __init__(
        self, model_folder: Path, settings: EngineSettings, decoding: Decoding, journal: Journal, what: str
    ) -> None:
        self.result = Generation()
        self._model_folder = model_folder
        self._settings = settings
        self._decoding = decoding
        self._journal = journal
        self._what = what
        self._fingerprint = model_fingerprint(model_folder)
        self._engine: Engine | None = None

    def answer(self, requests: Sequence[Request]) -> None:
        """Put an answer or a rejection for each request into the result."""
        usage = self.result.usage
        keys = {request.id: self._key(request) for request in requests}
        known = self._journal.get_many(keys.values())
        self.result.answers.update((rid, Answer(**known[key])) for rid, key in keys.items() if key in known)
        missing = [request for request in requests if keys[request.id] not in known]
        usage.requests += len(requests)
        usage.from_journal += len(requests) - len(missing)
        usage.asked += len(missing)
        if missing:
            logger.info("%s: %d answers from the journal, %d to ask", self._what, len(known), len(missing))
            self._ask(missing, keys)

    def _ask(self, missing: Sequence[Request], keys: dict[str, str]) -> None:
        engine = self._start()
        usage = self.result.usage
        started = time.monotonic()
        in_order = sorted(missing, key=lambda request: request.group)
        with progress(self._what, len(missing)) as bar:
            for request, outcome in engine.generate(in_order, self._decoding):
                if isinstance(outcome, Rejection):
                    self.result.rejections[request.id] = outcome
                else:
                    self._journal.put(keys[request.id], dataclasses.asdict(outcome))
                    self.result.answers[request.id] = outcome
                    usage.add(outcome)
                seconds = usage.seconds + time.monotonic() - started
                bar.advance(note=f"{usage.output_tokens / max(seconds, 1e-9):.0f} tokens/s")
        usage.seconds += time.monotonic() - started

    def _start(self) -> Engine:
        if self._engine is None:
            started = time.monotonic()
            self._engine = load_vllm(self._model_folder, self._settings)
            self.result.usage.start_seconds = time.monotonic() - started
        return self._engine

    def _key(self, request: Request) -> str:
        return journal_key(
            "answer",
            model=self._fingerprint,
            dtype=self._settings.dtype,
            prompt=request.prompt,
            seed=request.seed if self._decoding.temperature > 0 else 0,
            decoding=dataclasses.asdict(self._decoding),
        )

    def close(self) -> None:
        """End the engine, if it was started."""
        if self._engine is not None:
            self._engine.close()
