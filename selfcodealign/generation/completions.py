"""One request to one OpenAI-compatible server: an answer, or what went wrong and whether it is worth another try."""

import asyncio
import email.utils
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.generation.early_ends import TOKENS_PER_CHECK
from selfcodealign.generation.engine import Answer, Decoding, EndCheck, FinishReason, Rejection, RejectReason
from selfcodealign.generation.server_pool import Failure

API_KEY_VARIABLE = "OPENAI_API_KEY"
# Answers that no other try can change: the key, the model's name or the address is wrong, or the account is empty.
FATAL_STATUSES = frozenset({401, 402, 403, 404, 405, 410})
# The server's own trouble; every other 4xx is about the request.
PASSING_STATUSES = frozenset({408, 409, 425, 429})
TOO_LONG_SIGNS = ("context length", "context_length", "context window", "too long", "maximum model length")
DETAIL_CHARACTERS = 200
STREAMED: Mapping[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


class CompletionServer:
    """The `/v1/completions` of one server. Source: OpenAI's API reference, as vLLM's own server implements it."""

    def __init__(self, url: str, served_model: str, timeout_s: float) -> None:
        try:
            from openai import AsyncOpenAI
        except ImportError as error:
            raise PrerequisiteError(
                f"the openai package cannot be imported ({error}); pip install openai -c constraints.txt"
            ) from error
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self.url = url
        self._served_model = served_model
        self._timeout_s = timeout_s
        # Servers of one's own want no key, but the client wants one.
        key = os.environ.get(API_KEY_VARIABLE) or "none"
        self._client = AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout_s)

    async def complete(
        self, prompt: str, seed: int, decoding: Decoding, ends: EndCheck | None = None
    ) -> Answer | Rejection | Failure:
        """Ask once.

        An answer that may end early is streamed, and the connection closed when it has: the server then stops
        generating. How many tokens such an answer has taken the server does not say; its counts are 0.

        Args:
            prompt: the rendered text, as the server is to tokenise it.
            seed: sampling seed; not sent for greedy decoding.
            decoding: temperature, top_p, max_new_tokens, stop sequences.
            ends: finds an early end of the answer.

        Returns:
            The answer, with all that has come of it; a rejection, if it is the request's fault; or a failure that may
            pass.

        Raises:
            InputError: no request can succeed: wrong key, no such model, no such address.
        """
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        body = self._body(prompt, seed, decoding)
        try:
            # The client's own time limit is for each read; this one is for the whole request.
            async with asyncio.timeout(self._timeout_s):
                return await self._ask(body) if ends is None else await self._ask_streaming(body, ends)
        except UnicodeEncodeError as error:
            return Rejection(RejectReason.ENGINE_REFUSED, f"the prompt is no valid Unicode: {error.reason}")
        except APIStatusError as error:
            return self._refusal(error.status_code, error.response.headers, _one_line(error.response.text))
        except (TimeoutError, APITimeoutError) as error:
            return Failure(RejectReason.TIMED_OUT, f"{self.url}: {self._timeout_s:g} s", _is_connecting(error))
        except APIConnectionError as error:
            return self._broken_off(error.__cause__ or error, is_unreachable=_is_connecting(error))
        except Exception as error:
            # The client lets the faults of its HTTP library through while a stream is read; which library, its version
            # decides, so none can be named here. All others are raised again.
            if not _is_transport(error):
                raise
            return self._broken_off(error)

    async def _ask(self, body: Mapping[str, Any]) -> Answer | Rejection | Failure:
        response = await self._client.completions.with_raw_response.create(**body)
        return _read(response.text, self.url)

    async def _ask_streaming(self, body: Mapping[str, Any], ends: EndCheck) -> Answer | Rejection | Failure:
        async with self._client.completions.with_streaming_response.create(**body, **STREAMED) as response:
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                return await _watch(_lines(response.iter_bytes()), ends, self.url)
            return _read(await response.text(), self.url)

    def _broken_off(self, error: BaseException, *, is_unreachable: bool = False) -> Failure:
        detail = f"{self.url}: {_one_line(f'{type(error).__name__}: {error}')}"
        return Failure(RejectReason.CUT_OFF, detail, is_unreachable)

    def _body(self, prompt: str, seed: int, decoding: Decoding) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._served_model,
            "prompt": prompt,
            "n": 1,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_new_tokens,
        }
        if decoding.stop:
            body["stop"] = list(decoding.stop)
        if decoding.temperature > 0:
            body["seed"] = seed
        return body

    def _refusal(self, status: int, headers: Mapping[str, str], said: str) -> Rejection | Failure:
        if status in FATAL_STATUSES:
            hint = {401: f"set {API_KEY_VARIABLE}", 403: f"set {API_KEY_VARIABLE}", 404: "check engine.served_model"}
            raise InputError(
                f"{self.url} refuses every request for {self._served_model} with HTTP {status}: {said};"
                f" {hint.get(status, 'check engine.servers')} and run again, finished answers are kept"
            )
        detail = f"{self.url}: HTTP {status}: {said}"
        if status == 429:
            return Failure(RejectReason.RATE_LIMITED, detail, retry_after_s=retry_after_s(headers))
        if status >= 500 or status in PASSING_STATUSES:
            return Failure(RejectReason.SERVER_ERROR, detail, retry_after_s=retry_after_s(headers))
        is_too_long = status == 413 or any(sign in said.lower() for sign in TOO_LONG_SIGNS)
        return Rejection(RejectReason.PROMPT_TOO_LONG if is_too_long else RejectReason.ENGINE_REFUSED, detail)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds that a `Retry-After` header asks for: a number, or a date. None: no header, or no sense in it."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        when = email.utils.parsedate_tz(value)
        seconds = email.utils.mktime_tz(when) - time.time() if when is not None else -1.0
    return seconds if 0 <= seconds < float("inf") else None


def _read(text: str, url: str) -> Answer | Rejection | Failure:
    """The answer in a response's body, which has to be one whole completion."""
    try:
        body = json.loads(text)
        (choice,) = body["choices"]
        said, finish, usage = choice["text"], choice["finish_reason"], body.get("usage")
    except UNREADABLE as error:
        return _unreadable(error, text, url)
    return _answer(said, finish, usage, url)


async def _lines(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of a stream. Not as `str.splitlines` has them: an answer may hold a line separator of Unicode."""
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            yield line.rstrip(b"\r")


async def _watch(lines: AsyncIterator[bytes], ends: EndCheck, url: str) -> Answer | Rejection | Failure:
    """The answer in a stream of events, read until it has ended: early, or by the model.

    Source: the `text/event-stream` format of the HTML standard, of which these servers use single `data` lines.
    """
    text, finish, usage, num_events = "", None, None, 0
    async for line in lines:
        data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
        if data == b"[DONE]":
            break
        if not data:
            continue
        try:
            event = json.loads(data)
            if event.get("error"):
                return Failure(RejectReason.SERVER_ERROR, f"{url}: {_one_line(str(event['error']))}")
            usage = event.get("usage") or usage
            for choice in event["choices"]:
                text += choice["text"]
                finish = choice["finish_reason"] or finish
        except UNREADABLE as error:
            return _unreadable(error, repr(data), url)
        num_events += 1
        end = ends(text) if finish is None and num_events % TOKENS_PER_CHECK == 0 else None
        if end is not None:
            return Answer(text, str(end.finish_reason), prompt_tokens=0, cached_tokens=None, output_tokens=0)
    if finish is None:
        detail = f"{url}: the stream ended after {num_events} events, before the answer did"
        return Failure(RejectReason.CUT_OFF, detail)
    return _answer(text, finish, usage, url)


def _answer(text: str, finish: str, usage: Mapping[str, Any] | None, url: str) -> Answer | Rejection | Failure:
    """One completion, checked: a server may have sent anything in these places."""
    counted = usage or {}
    try:
        text.encode()  # half a surrogate pair is no text, and no file would take it
        details = counted.get("prompt_tokens_details") or {}
        answer = Answer(
            text=text,
            finish_reason=finish,
            prompt_tokens=int(counted.get("prompt_tokens") or 0),
            cached_tokens=int(details.get("cached_tokens") or 0),
            output_tokens=int(counted.get("completion_tokens") or 0),
        )
    except UNREADABLE as error:
        return _unreadable(error, repr(text), url)
    if finish == "content_filter":
        return Rejection(RejectReason.ENGINE_REFUSED, f"{url}: content filter")
    if finish not in {FinishReason.STOP, FinishReason.LENGTH}:
        return Failure(RejectReason.WRONG_JSON, f"{url}: no finished completion in {_one_line(text)!r}")
    return answer


def _unreadable(error: Exception, said: str, url: str) -> Failure:
    return Failure(RejectReason.WRONG_JSON, f"{url}: {type(error).__name__} in {_one_line(said)!r}")


def _is_connecting(error: BaseException) -> bool:
    """Whether a connection was not even made. By name, because the client's HTTP library depends on its version."""
    return type(error.__cause__).__name__ in {"ConnectError", "ConnectTimeout"}


def _is_transport(error: Exception) -> bool:
    """Whether a stream broke off while it was read. By name, too."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:DETAIL_CHARACTERS]
