"""Download `runsc`, gVisor's program, from its current release, and check it against the published SHA-512.

Packages of distributions are often too old for hostile code. Only the standard library: set-up may run this file before
there is a virtual environment.

    python3 -I setup/gvisor.py DESTINATION

Environment:
    GVISOR_URL       folder of the release, with ARCHITECTURE/runsc and ARCHITECTURE/runsc.sha512: a mirror, or one
                     release, such as https://storage.googleapis.com/gvisor/releases/release/20250319.0; empty: none
    GVISOR_SHA512    the digest that the file must have, instead of the published one

Exit codes: 0 DESTINATION is in place; 3 the release cannot be had from here; 4 the file is not the announced one.
On 3 and 4 standard error has one line, and what was at DESTINATION is unchanged.
"""

import hashlib
import http.client
import os
import platform
import re
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import BinaryIO, cast

LATEST_RELEASE = "https://storage.googleapis.com/gvisor/releases/release/latest"
TIMEOUT_S = 20  # to connect, and for each part of the answer
CHUNK_BYTES = 1 << 20
ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
UNREACHABLE = 3
CHANGED = 4

_DIGEST = re.compile(r"\s*([0-9a-fA-F]{128})(\s+\*?runsc)?\s*")


class NotAvailableError(Exception):
    """The release cannot be had from here."""


class ChangedError(Exception):
    """The downloaded file is not the announced one."""


def main() -> int:
    """Download to the path in the first argument, and return the exit code."""
    try:
        download(os.environ.get("GVISOR_URL", LATEST_RELEASE), Path(sys.argv[1]), os.environ.get("GVISOR_SHA512", ""))
    except NotAvailableError as error:
        sys.stderr.write(f"{error}\n")
        return UNREACHABLE
    except ChangedError as error:
        sys.stderr.write(f"{error}\n")
        return CHANGED
    return 0


def download(url: str, destination: Path, digest: str) -> None:
    """Put a release's `runsc` at a path, whole or not at all.

    Args:
        url: folder of the release; empty: no download is wanted.
        destination: path of the program.
        digest: SHA-512 in hexadecimal that it must have; empty: the one published beside it.

    Raises:
        NotAvailableError: the release cannot be read, there is none for this processor, or no digest is published.
        ChangedError: the file has another digest.
        OSError: the destination cannot be written.
    """
    architecture = ARCHITECTURES.get(platform.machine().lower())
    if not url:
        raise NotAvailableError("GVISOR_URL is empty")
    if architecture is None:
        raise NotAvailableError(f"gVisor has no release for {platform.machine()}")
    source = f"{url.rstrip('/')}/{architecture}/runsc"
    expected = digest.strip().lower() or _published_digest(f"{source}.sha512")
    destination.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=destination.parent, prefix=".runsc-")
    try:
        with os.fdopen(handle, "wb") as file:
            found = _copy(source, file)
        if found != expected:
            raise ChangedError(f"{source} has the SHA-512 {found[:16]}..., not {expected[:16]}...: download it by hand")
        Path(partial).chmod(0o755)
        Path(partial).replace(destination)
    finally:
        Path(partial).unlink(missing_ok=True)


def _published_digest(url: str) -> str:
    with _opened(url) as answer:
        try:
            text = answer.read(CHUNK_BYTES).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise NotAvailableError(f"{url}: {_reason(error)}") from error
    match = _DIGEST.fullmatch(text)
    if match is None:
        raise NotAvailableError(f"{url} holds no SHA-512")  # such as the page of a proxy
    return match[1].lower()


def _copy(url: str, file: BinaryIO) -> str:
    """Copy what is at an address to an open file, and return its SHA-512."""
    digest = hashlib.sha512()
    with _opened(url) as answer:
        while True:
            try:
                chunk = answer.read(CHUNK_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise NotAvailableError(f"{url}: {_reason(error)}") from error
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)
            file.write(chunk)


def _opened(url: str) -> http.client.HTTPResponse:
    try:
        # The address is the user's own or gVisor's, and what it gives is checked.
        answer = urllib.request.urlopen(url, timeout=TIMEOUT_S)  # noqa: S310
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
        raise NotAvailableError(f"{url}: {_reason(error)}") from error
    return cast("http.client.HTTPResponse", answer)


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "reason", None) or error).split())


if __name__ == "__main__":
    sys.exit(main())
