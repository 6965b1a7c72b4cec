"""The precision in which vLLM loads a model."""

import json
from pathlib import Path

import pytest

from selfcodealign.generation import vllm_engine
from selfcodealign.generation.vllm_engine import _dtype, _stored_dtype


@pytest.mark.parametrize(
    ("configured", "stored", "on_cpu", "fast_bfloat16", "expected"),
    [
        ("auto", "bfloat16", False, False, "auto"),
        ("auto", "bfloat16", True, True, "auto"),
        ("auto", "bfloat16", True, False, "float32"),
        ("auto", "float32", False, False, "float32"),  # vLLM's own auto would round it to bfloat16
        ("auto", "float32", True, True, "float32"),
        ("bfloat16", "float32", True, False, "bfloat16"),
        ("float32", "bfloat16", False, False, "float32"),
    ],
)
def test_auto_is_the_stored_precision_except_where_bfloat16_is_emulated(
    monkeypatch: pytest.MonkeyPatch, configured: str, stored: str, on_cpu: bool, fast_bfloat16: bool, expected: str
) -> None:
    monkeypatch.setattr(vllm_engine, "has_fast_bfloat16", lambda: fast_bfloat16)
    assert _dtype(configured, stored, on_cpu=on_cpu) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "expected"),
    [({"dtype": "float32"}, "float32"), ({"torch_dtype": "bfloat16"}, "bfloat16"), ({}, ""), (None, "")],
)
def test_the_stored_precision_is_that_of_the_config(
    tmp_path: Path, config: dict[str, str] | None, expected: str
) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    assert _stored_dtype(tmp_path) == expected
