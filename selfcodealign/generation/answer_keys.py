"""The journal keys of answers, made for a million requests in seconds: what they have in common is rendered once."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from json.encoder import encode_basestring_ascii

from selfcodealign.generation.engine import Decoding, Request
from selfcodealign.records import ID_HEX_DIGITS

KIND = "answer"


class AnswerKeys:
    """The keys of one model's answers under one decoding: `journal_key("answer", ...)` of everything that decides them.

    That is the model's fingerprint, what of the engine decides an answer, the prompt, the seed (of sampled answers; a
    greedy one draws nothing) and the decoding. The keys are those of `journal_key`, digit by digit; the samples of a
    task share their prompt, which is rendered once for all that follow each other.
    """

    def __init__(self, fingerprint: str, identity: Mapping[str, str], decoding: Decoding) -> None:
        fields = {"model": fingerprint, "decoding": dataclasses.asdict(decoding), **identity}
        shown = {name: f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in fields.items()}
        before = [shown[name] for name in sorted(shown) if name < "prompt"]
        after = [shown[name] for name in sorted(shown) if name > "seed"]
        if len(before) + len(after) != len(shown):
            raise ValueError(f"a name between prompt and seed among {sorted(shown)}")
        self._head = "".join(f"{field}, " for field in before)
        self._tail = "".join(f", {field}" for field in after)
        self._is_sampled = decoding.temperature > 0
        self._prompt: str | None = None
        self._payload_head = b""

    def of(self, request: Request) -> str:
        """The key of a request's answer."""
        if request.prompt is not self._prompt:
            self._prompt = request.prompt
            shown = f'{{{self._head}"prompt": {encode_basestring_ascii(request.prompt)}, "seed": '
            self._payload_head = shown.encode("ascii")
        rest = f"{request.seed if self._is_sampled else 0}{self._tail}}}".encode("ascii")
        digest = hashlib.sha256(f"{len(KIND)}:{KIND}{len(self._payload_head) + len(rest)}:".encode())
        digest.update(self._payload_head)
        digest.update(rest)
        return digest.hexdigest()[:ID_HEX_DIGITS]
