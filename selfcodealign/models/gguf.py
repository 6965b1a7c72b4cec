"""From a GGUF file to bf16 safetensors with tokenizer and chat template."""

import contextlib
import functools
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError

MIN_TIED_SIMILARITY = 0.98


def dequantise(gguf: Path, destination: Path, *, name: str, is_tied: bool, stop_tokens: Sequence[str]) -> None:
    """Write the weights of a GGUF file as a folder that transformers and vLLM load.

    Args:
        gguf: the quantised model.
        destination: an existing folder; gets config, bf16 safetensors, tokenizer, chat template, generation config.
        name: recorded in the config as the model's name.
        is_tied: the upstream model has one matrix for input and output embeddings. Where the GGUF holds two copies of
            it, the output one is kept: llama.cpp stores it at a higher precision.
        stop_tokens: tokens that end generation, besides the tokenizer's own end token; unknown ones are ignored.

    Raises:
        InputError: the file is no GGUF that transformers can read.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = str(gguf.parent)
    try:
        with _read_once(), contextlib.redirect_stderr(io.StringIO()):  # its bar knows no switch
            model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf.name, dtype=torch.bfloat16)
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=gguf.name)
            begins_text = _field(gguf, "tokenizer.ggml.add_bos_token")
    except (ValueError, KeyError, OSError, IndexError) as error:
        raise InputError(f"{gguf} is no GGUF model that transformers can read: {_first_line(error)}") from error
    if begins_text is not None:  # transformers reads the tokens out of the file, but not this
        tokenizer.add_bos_token = bool(begins_text)
    _forget_quantisation(model)
    if is_tied:
        _tie_embeddings(model)
    model.config._name_or_path = name
    model.generation_config = _generation_config(tokenizer, stop_tokens)
    model.save_pretrained(destination)
    tokenizer.save_pretrained(destination)


@contextlib.contextmanager
def _read_once() -> Iterator[None]:
    """Have transformers parse the file once, and quickly.

    It makes a new reader for the config, for the weights and for each part of the tokenizer, and each reads all of the
    vocabulary through a memory map, item by item: two minutes of processor time for 150,000 tokens, here a tenth of it.
    """
    import gguf
    import numpy as np

    class PlainReader(gguf.GGUFReader):
        """Reads through an ordinary array: each item of a memory map is a new map, ten times as slow."""

        @property
        def data(self) -> Any:
            return self._plain

        @data.setter
        def data(self, value: Any) -> None:
            self._plain = value.view(np.ndarray)

    library: Any = gguf
    usual = library.GGUFReader
    library.GGUFReader = functools.cache(PlainReader)
    try:
        yield
    finally:
        library.GGUFReader = usual


def _field(path: Path, name: str) -> Any:
    """A metadata field of a GGUF file; None if the file lacks it. Called within `_read_once`, it reads no file."""
    import gguf

    found = gguf.GGUFReader(str(path)).get_field(name)
    return None if found is None else found.contents()


def _forget_quantisation(model: Any) -> None:
    """Without this `save_pretrained` refuses the model as a quantised one, though its weights are bf16 by now."""
    model.hf_quantizer = None
    model.is_quantized = False
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def _tie_embeddings(model: Any) -> None:
    """Make input and output embeddings one matrix again, as upstream: fewer weights, and the better copy of them."""
    import torch

    if model.config.tie_word_embeddings:
        return
    inputs, outputs = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    rows = slice(0, min(4096, inputs.shape[0]))
    similarity = torch.nn.functional.cosine_similarity(inputs[rows].float(), outputs[rows].float(), dim=1).mean()
    if similarity < MIN_TIED_SIMILARITY:
        raise InputError(f"input and output embeddings differ (mean cosine {similarity:.3f}): the GGUF is not tied")
    with torch.no_grad():
        inputs.copy_(outputs)
    model.config.tie_word_embeddings = True
    model.tie_weights()


def _generation_config(tokenizer: Any, stop_tokens: Sequence[str]) -> Any:
    """Greedy by default, ending at every stop token: what vLLM and transformers read beside the weights."""
    import transformers

    library: Any = transformers  # its constructors are not annotated
    vocabulary = tokenizer.get_vocab()
    stops = [tokenizer.eos_token_id, *(vocabulary[token] for token in stop_tokens if token in vocabulary)]
    return library.GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=list(dict.fromkeys(stop for stop in stops if stop is not None)),
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
    )


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
