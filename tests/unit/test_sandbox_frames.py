"""The frames between host and supervisor."""

import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcodealign.sandbox.inside.frames import (
    HEADER,
    MAX_FRAME_BYTES,
    FrameDecoder,
    FrameError,
    encode_frame,
    read_frame,
)

# Any text, lone surrogates included: models write them.
TEXT = st.text(st.characters(exclude_categories=()), max_size=50)
MESSAGES = st.lists(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans(), max_size=4), max_size=5)


@settings(deadline=None)
@given(MESSAGES, st.data())
def test_messages_survive_any_cutting_of_the_stream(messages: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = b"".join(encode_frame(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder = FrameDecoder()
    received = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        received += decoder.feed(stream[start:end])
    assert received == messages
    assert decoder.is_empty


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_messages_or_a_frame_error_and_nothing_else(data: bytes) -> None:
    try:
        messages = FrameDecoder().feed(data)
    except FrameError:
        return
    assert all(isinstance(message, dict) for message in messages)


@pytest.mark.parametrize("payload", [b"[1]", b"{", b"\xff", b"NaN"])
def test_a_frame_that_is_no_json_object_is_refused(payload: bytes) -> None:
    with pytest.raises(FrameError):
        FrameDecoder().feed(HEADER.pack(len(payload)) + payload)


def test_a_frame_that_is_announced_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(FrameError, match="more than the limit"):
        FrameDecoder().feed(HEADER.pack(MAX_FRAME_BYTES + 1))
    with pytest.raises(FrameError, match="too long"):
        encode_frame({"x": "y" * MAX_FRAME_BYTES})


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    os.close(ends[0])


def test_a_pipe_closed_between_frames_is_the_end_and_inside_one_an_error(pipe: tuple[int, int]) -> None:
    read_end, write_end = pipe
    frame = encode_frame({"a": 1})
    os.write(write_end, frame + frame[:-1])
    os.close(write_end)
    assert read_frame(read_end) == {"a": 1}
    with pytest.raises(FrameError, match="middle"):
        read_frame(read_end)


def test_a_closed_pipe_reads_as_none(pipe: tuple[int, int]) -> None:
    os.close(pipe[1])
    assert read_frame(pipe[0]) is None
