"""The benchmark of generation runs both layouts on the same seeds, and each is what it says it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from selfcodealign.records import Seed, row_id, write_rows

pytestmark = [pytest.mark.engine, pytest.mark.sandbox]

ROOT = Path(__file__).parents[2]
NUM_SEEDS = 3


def seed_row(number: int) -> Seed:
    code = f'def add_{number}(value):\n    """Add {number}."""\n    result = value + {number}\n    return result'
    texts = dict.fromkeys(("source", "package", "version", "licence", "file", "path", "docstring"), "t")
    return Seed(id=row_id(number), name=f"add_{number}", code=code, first_line=1, last_line=4, **texts)


def test_both_layouts_ask_for_the_same_rows_and_only_the_reference_s_draws_its_exemplars_anew(
    small_model: Path, tmp_path: Path
):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["generate_concepts"]["num_exemplar_sets"] = 1
    params["generate_instructions"]["max_new_tokens"] = 96
    params["generate_responses"]["max_new_tokens"] = 128
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    write_rows(tmp_path / "seeds.parquet", [seed_row(number) for number in range(NUM_SEEDS + 1)], Seed)
    options = {
        "--seeds": tmp_path / "seeds.parquet",
        "--params": tmp_path / "params.yaml",
        "--model": small_model,
        "--count": NUM_SEEDS,
        "--samples": 1,
        "--chunk": 2,
    }
    command = [sys.executable, "-m", "benchmarks.generation"]
    command += [str(word) for option in options.items() for word in option]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    ours, theirs = (found["figures"][name] for name in ("ours", "reference's layout"))

    concepts = [layout["steps"]["concepts"] for layout in (ours, theirs)]
    assert [step["asked"] for step in concepts] == [NUM_SEEDS, NUM_SEEDS]
    assert concepts[0]["prefix_hit_rate"] > 0.5, "the second and third request do not share the first one's exemplars"
    assert concepts[1]["prefix_hit_rate"] < 0.5, "the reference's requests share their exemplars"
    assert concepts[1]["prompt_tokens"] > concepts[0]["prompt_tokens"], "eight exemplars are no longer than six"
    for layout in (ours, theirs):
        assert layout["steps"]["instructions"]["requests"] == layout["rows"]["concepts"]
        assert layout["solved_tasks"] <= layout["passing_answers"] <= layout["rows"]["responses"]
    assert found["vs_reference_concepts"] == pytest.approx(concepts[1]["seconds"] / concepts[0]["seconds"], rel=0.02)
