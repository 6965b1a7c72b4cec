"""The journal keys of answers, made for a million requests in seconds: what they have in common is hashed once."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from selfcodealign.generation.early_ends import end_version
from selfcodealign.generation.engine import Decoding, Request
from selfcodealign.records import ID_HEX_DIGITS

KIND = "answer"
# Prompts whose beginnings are held: samples of a task come side by side, or in turns with those of other groups.
PROMPTS_HELD = 256


class AnswerKeys:
    """The keys of one model's answers under one decoding: `journal_key("answer", ...)` of everything that decides them.

    That is the model's fingerprint, what of the engine decides an answer, the prompt, the seed (of sampled answers; a
    greedy one draws nothing), the decoding and, from version 2 on, the version of the end check that cuts the answer.
    The keys equal those of `journal_key`. The samples of a task share their prompt, which is rendered and hashed once
    for those that are requested close together.
    """

    def __init__(self, fingerprint: str, identity: Mapping[str, str], decoding: Decoding) -> None:
        self._fields = {"model": fingerprint, "decoding": dataclasses.asdict(decoding), **identity}
        self._frame = lru_cache(self._make_frame)
        self._is_sampled = decoding.temperature > 0
        self._begun = lru_cache(PROMPTS_HELD)(self._begin)

    def of(self, request: Request) -> str:
        """The key of a request's answer."""
        seed, version = str(request.seed if self._is_sampled else 0), end_version(request.ends)
        digest = self._begun(request.prompt, version).up_to_seed(len(seed)).copy()
        digest.update(f"{seed}{self._frame(version).tail}".encode("ascii"))
        return str(digest.hexdigest()[:ID_HEX_DIGITS])

    def _begin(self, prompt: str, version: int) -> "_Begun":
        frame = self._frame(version)
        shown = f'{{{frame.head}"prompt": {encode_basestring_ascii(prompt)}, "seed": '
        return _Begun(shown.encode("ascii"), len(frame.tail))

    def _make_frame(self, version: int) -> "_Frame":
        fields = self._fields | ({"ends": version} if version > 1 else {})
        shown = {name: f"{json.dumps(name)}: {json.dumps(value, sort_keys=True)}" for name, value in fields.items()}
        before = [shown[name] for name in sorted(shown) if name < "prompt"]
        after = [shown[name] for name in sorted(shown) if name > "seed"]
        if len(before) + len(after) != len(shown):
            raise ValueError(f"a name between prompt and seed among {sorted(shown)}")
        return _Frame("".join(f"{field}, " for field in before), "".join(f", {field}" for field in after) + "}")


class _Frame(NamedTuple):
    """The text before the prompt and after the seed in what is hashed."""

    head: str
    tail: str


class _Begun:
    """The digests of one prompt's keys up to the seed: one for each number of digits that a seed may have.

    The length of all that is hashed comes first in it.
    """

    __slots__ = ("_digests", "_payload_head", "_tail_length")

    def __init__(self, payload_head: bytes, tail_length: int) -> None:
        self._payload_head = payload_head
        self._tail_length = tail_length
        self._digests: dict[int, Any] = {}

    def up_to_seed(self, num_digits: int) -> Any:
        digest = self._digests.get(num_digits)
        if digest is None:
            length = len(self._payload_head) + num_digits + self._tail_length
            digest = hashlib.sha256(f"{len(KIND)}:{KIND}{length}:".encode() + self._payload_head)
            self._digests[num_digits] = digest
        return digest
