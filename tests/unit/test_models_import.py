"""Importing from a path, the checks of a model folder, and the settings of the paper's models."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_models import CHATML, make_model_folder

from selfcodealign.errors import InputError
from selfcodealign.files import replaced_folder
from selfcodealign.models import FAMILIES, family_of, find_family, import_generator, import_model, read_card
from selfcodealign.models.importing import _prompt_form, check_round_trip
from selfcodealign.params import ImportGenerator, ImportModel


def from_path(folder: Path, **changes: Any) -> ImportModel:
    return ImportModel(source="path", name=str(folder), **changes)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return make_model_folder(tmp_path / "tiny")


def test_a_local_model_is_copied_with_a_card_and_loads(tiny: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    (tiny / "modeling_evil.py").write_text("raise SystemExit")
    card = import_model(from_path(tiny), tmp_path / "base", tmp_path / "cache")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    assert AutoTokenizer.from_pretrained(tmp_path / "base").chat_template == CHATML
    assert card == read_card(tmp_path / "base")
    assert card.parameters == model.num_parameters()
    assert (card.source, card.architecture, card.dtype) == ("path", "LlamaForCausalLM", "bfloat16")
    assert (card.prompt_form, card.context_length) == ("chat", 512)
    assert not (tmp_path / "base" / "modeling_evil.py").exists()


def test_the_fingerprint_is_of_the_weights_not_of_the_place(tiny: Path, tmp_path: Path) -> None:
    first = import_model(from_path(tiny), tmp_path / "a", tmp_path)
    moved = tiny.rename(tmp_path / "moved")
    assert import_model(from_path(moved), tmp_path / "b", tmp_path).sha256 == first.sha256
    other = make_model_folder(tmp_path / "other", seed=1)
    assert import_model(from_path(other), tmp_path / "c", tmp_path).sha256 != first.sha256


def cut_weights(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def name_a_missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "no readable JSON"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"no \*.safetensors weights"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"text"), "no whole safetensors file"),
        (cut_weights, "cut off"),
        (name_a_missing_shard, "model-2.safetensors"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "no tokenizer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "tokenizer of the model cannot be loaded"),
    ],
)
def test_a_damaged_model_is_one_line_and_leaves_the_earlier_one(
    tiny: Path, tmp_path: Path, damage: Callable[[Path], Any], message: str
) -> None:
    import_model(from_path(tiny), tmp_path / "base", tmp_path)
    before = sorted(path.name for path in (tmp_path / "base").iterdir())
    damage(tiny)
    with pytest.raises(InputError, match=message) as caught:
        import_model(from_path(tiny), tmp_path / "base", tmp_path)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in (tmp_path / "base").iterdir()) == before
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("name", ["nowhere", "nowhere.gguf"])
def test_a_path_that_does_not_exist_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        import_model(from_path(tmp_path / name), tmp_path / "base", tmp_path)


def test_a_file_that_is_no_gguf_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"no weights in here")
    with pytest.raises(InputError, match="no GGUF model"):
        import_model(from_path(tmp_path / "model.gguf"), tmp_path / "base", tmp_path)


def test_a_tokenizer_that_loses_text_is_refused() -> None:
    from tiny_models import make_tokenizer
    from tokenizers import normalizers

    lossy = make_tokenizer()
    lossy.backend_tokenizer.normalizer = normalizers.Strip()
    with pytest.raises(InputError, match="does not give back"):
        check_round_trip(lossy)


@pytest.mark.parametrize(
    ("asked", "name", "has_template", "resolved"),
    [
        ("auto", "org/model-instruct", True, "chat"),
        ("auto", "org/model", False, "completion"),
        ("auto", "Qwen/CodeQwen1.5-7B", True, "completion"),
        ("chat", "Qwen/CodeQwen1.5-7B", True, "chat"),
        ("completion", "org/model-instruct", True, "completion"),
    ],
)
def test_auto_is_chat_with_a_template_but_a_base_model_of_the_paper_is_completed(
    asked: Any, name: str, has_template: bool, resolved: str
) -> None:
    settings = ImportModel(source="hub", name=name, prompt_form=asked)
    assert _prompt_form(settings, name, has_template=has_template) == resolved


def test_the_chat_form_without_a_template_is_refused(tmp_path: Path) -> None:
    plain = make_model_folder(tmp_path / "plain", template=None)
    with pytest.raises(InputError, match="has no chat template"):
        import_model(from_path(plain, prompt_form="chat"), tmp_path / "base", tmp_path)
    assert import_model(from_path(plain), tmp_path / "base", tmp_path).prompt_form == "completion"


def test_the_papers_models_are_found_by_short_name_and_by_hub_name() -> None:
    assert set(FAMILIES) == {
        "starcoder2-3b",
        "starcoder2-7b",
        "starcoder2-15b",
        "codeqwen1.5-7b",
        "llama-3-8b",
        "deepseek-coder-33b",
    }
    assert find_family("CodeQwen1.5-7B") is find_family("Qwen/CodeQwen1.5-7B") is FAMILIES["codeqwen1.5-7b"]
    with pytest.raises(InputError, match="no ready settings for 'gpt2'"):
        family_of("gpt2")


def test_a_card_that_is_missing_or_damaged_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_card(tmp_path)
    (tmp_path / "model_card.json").write_text('{"name": "x"}')
    with pytest.raises(InputError, match="no model card"):
        read_card(tmp_path)


def test_a_folder_is_replaced_only_when_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with replaced_folder(target) as folder:
        (folder / "one").write_text("1")
    with pytest.raises(ValueError, match="no number"), replaced_folder(target):
        int("no number")
    assert [path.name for path in target.iterdir()] == ["one"]
    (tmp_path / ".model.tmp").mkdir()  # what a killed run left behind
    (tmp_path / ".model.tmp" / "stale").touch()
    with replaced_folder(target) as folder:
        (folder / "three").write_text("3")
    assert [path.name for path in target.iterdir()] == ["three"]
    assert not (tmp_path / ".model.tmp").exists()


def test_the_base_model_as_its_own_generator_is_linked_and_keeps_its_card(tiny: Path, tmp_path: Path) -> None:
    base, generator = tmp_path / "base", tmp_path / "generator"
    card = import_model(from_path(tiny), base, tmp_path)
    assert import_generator(ImportGenerator(), base, generator, tmp_path) == card == read_card(generator)
    assert {path.name for path in generator.iterdir()} == {path.name for path in base.iterdir()}
    assert (generator / "model.safetensors").samefile(base / "model.safetensors")
    # a new base model replaces its folder as a whole: the generator of the last run keeps its weights
    weights = (base / "model.safetensors").read_bytes()
    import_model(from_path(make_model_folder(tmp_path / "other", seed=1)), base, tmp_path)
    assert (generator / "model.safetensors").read_bytes() == weights != (base / "model.safetensors").read_bytes()


def test_the_generator_is_copied_where_links_cannot_be_made(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("os.link", refuse)
    import_generator(ImportGenerator(), tiny, tmp_path / "generator", tmp_path)
    copied, weights = tmp_path / "generator" / "model.safetensors", tiny / "model.safetensors"
    assert copied.read_bytes() == weights.read_bytes()
    assert not copied.samefile(weights)


def test_another_generator_has_a_card_of_its_own(tiny: Path, tmp_path: Path) -> None:
    other = make_model_folder(tmp_path / "other", seed=1)
    settings = ImportGenerator(source="path", name=str(other), prompt_form="completion")
    card = import_generator(settings, tiny, tmp_path / "generator", tmp_path)
    assert (card.name, card.prompt_form) == (str(other), "completion")
    assert card.sha256 != read_card(tiny).sha256


def test_a_generator_without_a_base_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model_card\.json does not exist"):
        import_generator(ImportGenerator(), tmp_path / "base", tmp_path / "generator", tmp_path)
    assert not (tmp_path / "generator").exists()
