"""Servers as the engine: any OpenAI-compatible one or several."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.generation.completions import CompletionServer
from selfcodealign.generation.early_ends import ended_early
from selfcodealign.generation.engine import Answer, Decoding, Rejection, RejectReason, Request
from selfcodealign.generation.pooled_engine import PooledEngine
from selfcodealign.generation.server_pool import Failure, RetryPolicy, ServerPool
from selfcodealign.params import Engine as EngineSettings


class PromptText:
    """Prompts as a server is to get them: it puts the begin-of-text token in front by itself."""

    def __init__(self, tokenizer: Any, max_model_len: int) -> None:
        self._tokenizer = tokenizer
        self._max_model_len = max_model_len
        begin = tokenizer.bos_token or ""
        adds_begin = bool(begin) and tokenizer("x")["input_ids"][0] == tokenizer.bos_token_id
        self._begin = begin if adds_begin else ""

    def num_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens that it spells out included."""
        return len(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def too_long(self, num_tokens: int, decoding: Decoding) -> Rejection | None:
        """Why a prompt leaves no room for its answer; None: it does."""
        if num_tokens + decoding.max_new_tokens <= self._max_model_len:
            return None
        detail = f"{num_tokens} prompt + {decoding.max_new_tokens} new tokens > {self._max_model_len}"
        return Rejection(RejectReason.PROMPT_TOO_LONG, detail)

    def sent(self, prompt: str) -> str:
        """The prompt without the begin-of-text token that the server's tokenizer adds."""
        return prompt.removeprefix(self._begin)


class Server:
    """One server as a backend: prompts as it is to get them, and tokens counted here where it does not say."""

    def __init__(self, completions: CompletionServer, prompts: PromptText) -> None:
        self.url = completions.url
        self._completions = completions
        self._prompts = prompts

    async def ask(self, request: Request, decoding: Decoding) -> Answer | Rejection | Failure:
        """One try of one request; a prompt that is too long is not sent."""
        num_tokens = self._prompts.num_tokens(request.prompt)
        too_long = self._prompts.too_long(num_tokens, decoding)
        if too_long is not None:
            return too_long
        prompt = self._prompts.sent(request.prompt)
        outcome = await self._completions.complete(prompt, request.seed, decoding, request.ends)
        if not isinstance(outcome, Answer):
            return outcome
        output_tokens = outcome.output_tokens or self._prompts.num_tokens(outcome.text)
        prompt_tokens = outcome.prompt_tokens or num_tokens
        return ended_early(request, replace(outcome, prompt_tokens=prompt_tokens, output_tokens=output_tokens))

    async def close(self) -> None:
        """Close the connections."""
        await self._completions.close()


def load_openai(model_folder: Path, settings: EngineSettings, policy: RetryPolicy | None = None) -> PooledEngine:
    """The engine for `engine.servers`. Nothing is asked yet.

    Args:
        model_folder: the model that the servers have, as `import_model` writes it; its tokenizer is read, to count
            the tokens of prompts.
        settings: the `engine` section of the params.
        policy: delays and tries; None: `engine.max_tries`, and one second at first.

    Raises:
        InputError: the folder holds no tokenizer.
        PrerequisiteError: the openai package is missing.
    """
    from transformers import AutoTokenizer

    try:
        import openai  # noqa: F401 - said now and in one line, not in the thread
    except ImportError as error:
        raise PrerequisiteError(f"the openai package is missing ({error}); run `make setup`") from error
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(model_folder))
    except (OSError, ValueError) as error:
        raise InputError(f"{model_folder} has no readable tokenizer; run `dvc repro import_model`") from error
    urls = [base_url(url) for url in settings.servers]
    name = settings.served_model or ""
    rules = policy or RetryPolicy(max_tries=settings.max_tries)
    prompts = PromptText(tokenizer, settings.max_model_len)
    return PooledEngine(
        connect=lambda: [Server(CompletionServer(url, name, settings.request_timeout_s), prompts) for url in urls],
        make_pool=lambda: ServerPool(urls, settings.max_concurrency, rules, seed=0),
    )


def base_url(url: str) -> str:
    """The address of a server's API: `/v1` is added where only the host is given."""
    parts = urlsplit(url)
    return url.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1"
