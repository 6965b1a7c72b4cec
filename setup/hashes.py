"""Which files of which packages set-up may install, by SHA-256. `select` needs Python alone, `renew` the environment.

`python setup/hashes.py renew` writes setup/hashes.txt anew, for the pins of constraints.txt.
`python setup/hashes.py select EXTRAS [PACKAGE]` prints the requirements of these extras, or one of them, for pip.
`python setup/hashes.py others EXTRAS` prints those of the extras whose packages have no hashes.
"""

import json
import re
import sys
import urllib.request
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
HASHES = ROOT / "setup/hashes.txt"
INDEX = "https://pypi.org/simple"
TIMEOUT_S = 60
PROJECT = "selfcodealign"
CORE = "core"
EXTRAS = ("cpu", "dev", "ray")
"""The extras whose packages have hashes; all of them are installed where `renew` runs."""

# Files for Linux on x86-64 and ARM, and CPython 3.11 to 3.13; others of a release are left out.
PYTHONS = re.compile(r"-(?:(?:py2\.)?py3[0-9]*|cp31[123]|cp3[0-9]+-abi3)(?:\.[a-z0-9.]+)?-")
PLATFORMS = re.compile(r"-(?:any|[a-z0-9_.]*(?:many)?linux[a-z0-9_.]*_(?:x86_64|aarch64))\.whl$")
BUILD_TOOL = "setuptools"

HEADER = """\
# SHA-256 of the files that set-up may install: of each pin in constraints.txt the wheels for Linux and CPython 3.11
# to 3.13, and the source. The comment above a package names what needs it: core, or extras. This file is written by
# `python setup/hashes.py renew` from PyPI's index. Builds that are not there are kept: `pip hash` of PyTorch's own
# wheel gives such a line, whose marker names the machines that the wheel is for.
"""


@dataclass(frozen=True, slots=True)
class Locked:
    """A package that may be installed.

    Attributes:
        name: normalized, as indexes write it.
        version: with its local part, if any.
        marker: the machines that the hashes are for, as an environment marker; empty: all.
        needed_by: `core` and extras.
        hashes: SHA-256 of its files.
    """

    name: str
    version: str
    marker: str
    needed_by: tuple[str, ...]
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        """The package as a requirement that pip reads."""
        requirement = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        return " \\\n    ".join([requirement, *(f"--hash=sha256:{value}" for value in self.hashes)]) + "\n"


def normalised(name: str) -> str:
    """A package's name as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(path: Path) -> dict[str, str]:
    """The versions of a constraints file, by normalized name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==", 1) for line in lines if "==" in line)
    return {normalised(name): version.strip() for name, version in pairs}


def read_locked(path: Path) -> list[Locked]:
    """The packages of `setup/hashes.txt`."""
    found, comment = [], ""
    for line in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line.startswith("#"):
            comment = line.removeprefix("#")
        elif line:
            requirement, *hashes = (part.strip() for part in line.split("--hash=sha256:"))
            name, _, rest = requirement.partition("==")
            version, _, marker = rest.partition(" ; ")
            found.append(Locked(name, version, marker, tuple(comment.split()), tuple(hashes)))
    return found


def is_wanted(filename: str, version: str) -> bool:
    """Whether a file of a release is a source archive, or a wheel for a machine that set-up knows."""
    if filename.endswith(".whl"):
        return bool(PYTHONS.search(filename) and PLATFORMS.search(filename)) and f"-{version}-" in filename
    return filename.endswith((f"-{version}.tar.gz", f"-{version}.zip"))


def hashes_of(name: str, version: str) -> tuple[str, ...]:
    """The hashes of a release's files, as the index lists them, sorted.

    Raises:
        OSError: the index cannot be reached, or does not have the package.
    """
    request = urllib.request.Request(  # noqa: S310 - https, by the constant
        f"{INDEX}/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        files = json.load(answer)["files"]
    return tuple(sorted(file["hashes"]["sha256"] for file in files if is_wanted(file["filename"], version)))


def needed_by(extra: str, pins: Collection[str]) -> set[str]:
    """The pinned packages that the project needs, directly or not: by itself, or for one of its extras.

    Raises:
        PackageNotFoundError: one of them is not installed, so that its own needs are not known.
    """
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [(PROJECT, frozenset([extra]))]
    seen = set(waiting)
    while waiting:
        name, extras = waiting.pop()
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            environments = [{"extra": one} for one in extras or {""}]
            if requirement.marker and not any(requirement.marker.evaluate(one) for one in environments):
                continue
            step = normalised(requirement.name), frozenset(requirement.extras)
            if step not in seen and step[0] in pins:
                seen.add(step)
                waiting.append(step)
                found.add(step[0])
    return found


def locked_packages(
    pins: Mapping[str, str], needs: Mapping[str, Collection[str]], hashes: Mapping[str, tuple[str, ...]]
) -> list[Locked]:
    """The pinned packages that something needs, by name.

    Args:
        pins: versions by name.
        needs: names of packages by what needs them, `core` or an extra. Those of `core` are not repeated.
        hashes: of the pinned versions, by name.
    """
    found = []
    for name, version in sorted(pins.items()):
        users = tuple(user for user, names in needs.items() if name in names)
        if users:
            found.append(Locked(name, version, "", users[:1] if users[0] == CORE else users, hashes[name]))
    return found


def renew() -> None:
    """Write the hashes of all pins."""
    pins = read_pins(CONSTRAINTS)
    core = needed_by("", pins) | {BUILD_TOOL}
    needs = {CORE: core, **{extra: needed_by(extra, pins) - core for extra in EXTRAS}}
    with ThreadPoolExecutor(max_workers=8) as pool:
        hashes = dict(zip(pins, pool.map(hashes_of, pins, pins.values()), strict=True))
    locked = locked_packages(pins, needs, hashes)
    unneeded = pins.keys() - {one.name for one in locked}
    missing = {one.name for one in locked if not one.hashes}
    for words, names in (("not needed", unneeded), ("not on the index", missing)):
        if names:
            sys.exit(f"hashes: these packages are {words}, so nothing was written: {', '.join(sorted(names))}")
    if HASHES.is_file():
        others = (one for one in read_locked(HASHES) if "+" in one.version)
        locked += [one for one in others if one.version.partition("+")[0] == pins[one.name]]
    text = as_text(sorted(locked, key=lambda one: (one.name, one.version)))
    HASHES.write_text(text, encoding="utf-8")


def as_text(locked: Iterable[Locked]) -> str:
    """The packages as `setup/hashes.txt` has them."""
    return HEADER + "".join(f"# {' '.join(one.needed_by)}\n{one}" for one in locked)


def select(extras: Collection[str], package: str | None = None) -> str:
    """The requirements of the project with some extras, as a requirements file for `pip install --require-hashes`.

    A build for one extra, such as torch's for CPUs, takes the place of the release on the index.

    Args:
        extras: names of extras; those without hashes have no requirements here.
        package: the only package that is wanted; None: all.
    """
    wanted = {CORE, *extras}
    chosen = {one.name: one for one in read_locked(HASHES) if wanted.intersection(one.needed_by)}
    return "".join(str(one) for one in chosen.values() if package in {None, one.name})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["renew"]:
            renew()
        case ["select", extras, *package] if len(package) < 2:
            sys.stdout.write(select(extras.split(","), *package))
        case ["others", extras]:
            sys.stdout.write(",".join(one for one in extras.split(",") if one not in EXTRAS))
        case _:
            sys.exit(__doc__)
