"""The frames that host and supervisor exchange: four bytes of length, then JSON."""

import json
import os
import struct
from typing import Any

HEADER = struct.Struct(">I")
# A source of the greatest length, each character escaped, still fits.
MAX_FRAME_BYTES = 64 << 20


class FrameError(Exception):
    """The other side sent something that is no frame, or went away in the middle of one."""


def encode_frame(message: dict[str, Any]) -> bytes:
    """A message as a frame. Any string survives, lone surrogates included.

    Raises:
        FrameError: the message is longer than 64 MiB.
    """
    payload = json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(payload)} bytes is too long")
    return HEADER.pack(len(payload)) + payload


class FrameDecoder:
    """Takes bytes as they come and gives the messages that are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Add bytes.

        Returns:
            The messages that these bytes completed, in order.

        Raises:
            FrameError: a frame is too long or is no JSON object.
        """
        self._buffer += data
        messages = []
        while len(self._buffer) >= HEADER.size:
            (length,) = HEADER.unpack_from(self._buffer)
            if length > MAX_FRAME_BYTES:
                raise FrameError(f"a frame of {length} bytes is announced, more than the limit")
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            messages.append(_message(bytes(self._buffer[HEADER.size : end])))
            del self._buffer[:end]
        return messages

    @property
    def is_empty(self) -> bool:
        """Whether no half frame is waiting for its rest."""
        return not self._buffer


def _message(payload: bytes) -> dict[str, Any]:
    try:
        message = json.loads(payload)
    except ValueError as error:
        raise FrameError("a frame is no JSON") from error
    if not isinstance(message, dict):
        raise FrameError("a frame is no JSON object")
    return message


def read_frame(file_descriptor: int) -> dict[str, Any] | None:
    """Read one frame, blocking.

    Returns:
        The message; None if the other side closed the pipe between two frames.

    Raises:
        FrameError: the pipe was closed in the middle of a frame, or what came is no frame.
    """
    header = _read(file_descriptor, HEADER.size)
    if not header:
        return None
    (length,) = HEADER.unpack(header)
    if length > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {length} bytes is announced, more than the limit")
    return _message(_read(file_descriptor, length))


def _read(file_descriptor: int, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = os.read(file_descriptor, min(count - len(parts), 1 << 20))
        if not part:
            if parts:
                raise FrameError("the pipe was closed in the middle of a frame")
            return b""
        parts += part
    return bytes(parts)


def write_all(file_descriptor: int, data: bytes) -> None:
    """Write all of the bytes, blocking."""
    view = memoryview(data)
    while view:
        view = view[os.write(file_descriptor, view) :]
