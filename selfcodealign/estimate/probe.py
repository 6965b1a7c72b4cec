"""A short measured probe: the stages themselves, on a few seeds, in a folder of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from selfcodealign.errors import PrerequisiteError
from selfcodealign.params import load_params
from selfcodealign.records import Seed, read_rows, write_rows
from selfcodealign.sandbox import prepare_sandbox, sandbox_settings

# The stages and, as options, what each reads of the others' outputs.
INPUTS = {
    "generate_concepts": {"seeds": "seeds.parquet"},
    "generate_instructions": {"seeds": "seeds.parquet", "concepts": "generate_concepts/concepts.parquet"},
    "generate_responses": {"instructions": "generate_instructions/instructions.parquet"},
    "validate_responses": {
        "responses": "generate_responses/responses.parquet",
        "instructions": "generate_instructions/instructions.parquet",
        "seeds": "seeds.parquet",
    },
}


def probe(params_path: Path, metrics: Path, folder: Path, *, model: Path, seeds_path: Path, num_seeds: int) -> Path:
    """Run the stages from S->C to validation on the first seeds, with their real engine and sandbox.

    The answers go to a journal of the probe's own, so that each is really measured. To show the engine's full speed
    there have to be as many seeds as it takes requests at the same time.

    Args:
        params_path: the params of the run to judge.
        metrics: metrics of a finished run, if there is one, for the steps that are not probed.
        folder: an empty folder to work in.
        model: folder of the generator model.
        seeds_path: the filtered seeds.
        num_seeds: how many of them.

    Returns:
        The folder of metrics, for `estimate_run`.

    Raises:
        InputError: the params or the seeds cannot be read.
        PrerequisiteError: the sandbox is missing, or a stage has failed; it has said why.
    """
    params = load_params(params_path)
    found = folder / "metrics"
    shutil.copytree(metrics, found) if metrics.is_dir() else found.mkdir()
    write_rows(folder / "seeds.parquet", read_rows(seeds_path, Seed)[:num_seeds], Seed)
    prepare_sandbox(sandbox_settings(params.sandbox))  # the last stage needs it
    skips_concepts = params.generate_instructions.source != "concepts"
    for stage in list(INPUTS)[skips_concepts:]:
        paths = {"params": params_path, "out": folder / stage, "metrics": found / f"{stage}.json"}
        if stage.startswith("generate_"):
            paths["model"] = model
        _run(stage, folder, {**paths, **{name: folder / path for name, path in INPUTS[stage].items()}})
    return found


def _run(stage: str, folder: Path, options: dict[str, Path]) -> None:
    command = [sys.executable, "-m", f"stages.{stage}"]
    command += [word for name, path in options.items() for word in (f"--{name}", str(path))]
    # The journals are found as in a DVC experiment, which names the repository that it belongs to.
    done = subprocess.run(command, env={**os.environ, "DVC_ROOT": str(folder)}, check=False)
    if done.returncode:
        raise PrerequisiteError(f"the probe ended in the stage {stage} (exit {done.returncode}); see its message above")
