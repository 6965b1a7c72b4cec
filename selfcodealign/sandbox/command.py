"""`selfcodealign sandbox`: run anybody's programs in the sandbox."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from selfcodealign.errors import InputError
from selfcodealign.files import write_text
from selfcodealign.progress import progress
from selfcodealign.sandbox.pool import open_sandbox
from selfcodealign.sandbox.settings import (
    STATUS_MEANINGS,
    Limits,
    Program,
    SandboxSettings,
    Status,
    runtime_named,
)
from selfcodealign.stage import one_line_errors

app = typer.Typer(no_args_is_help=True, help="Run programs in the sandbox.")

DEFAULTS = Limits()


@app.callback()
def sandbox() -> None:
    """Run programs in the sandbox."""


HELP = "\n".join(
    [
        "Run Python programs, each isolated from the machine and from the others, and write one verdict per program.",
        "",
        "Statuses:",
        "",
        *[f"{status}: {meaning}.\n" for status, meaning in STATUS_MEANINGS.items()],
    ]
)


@app.command(help=HELP)
@one_line_errors
def run(
    programs: Annotated[Path, typer.Argument(help='JSONL, one `{"id": ..., "source": ...}` a line.')],
    out: Annotated[Path, typer.Option(help="JSONL to write: one verdict a program, in the order of the programs.")],
    workers: Annotated[int, typer.Option(min=0, help="Programs at the same time; 0: one a core.")] = 0,
    timeout: Annotated[float, typer.Option(min=0.1, help="Wall time of one program, seconds.")] = DEFAULTS.timeout_s,
    memory_mib: Annotated[int, typer.Option(min=64, help="Memory of one program, MiB.")] = DEFAULTS.memory_mib,
    runtime: Annotated[
        str, typer.Option(help="runsc: gVisor by Docker; runsc-direct: gVisor without Docker; runc: weaker.")
    ] = "runsc",
) -> None:
    """Run programs; `HELP` is what users read."""
    listed = read_programs(programs)
    settings = SandboxSettings(
        runtime=runtime_named(runtime), num_workers=workers, limits=Limits(timeout_s=timeout, memory_mib=memory_mib)
    )
    lines = []
    num_passed = 0
    with open_sandbox(settings) as opened, progress("programs", len(listed)) as shown:
        for verdict in opened.run(listed):
            lines.append(json.dumps(dataclasses.asdict(verdict)) + "\n")
            num_passed += verdict.status == Status.PASSED
            shown.advance(note=f"{num_passed} passed")
    write_text(out, "".join(lines))


def read_programs(path: Path) -> list[Program]:
    """Read programs from JSONL.

    Raises:
        InputError: the file cannot be read or a line is wrong; the message names the line.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    programs = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: no valid JSON ({error})") from error
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("id", "source")):
            raise InputError(f'{path}, line {number}: must be an object with strings "id" and "source"')
        programs.append(Program(row["id"], row["source"]))
    return programs
