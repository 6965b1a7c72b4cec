"""Which releases of gVisor are new enough for hostile code.

Only the standard library: setup/docker.sh runs this file by itself, before there is a virtual environment.

    python3 -I releases.py VERSION     exits with 3 and one line if the version is too old
"""

import re
import sys

# The first release that the record of CVE-2025-2713 (privilege escalation through runsc, which runs with root-like
# permissions until its first fork) lists as unaffected. Packages of distributions are often older: Debian 12 has a
# release of 2022-12, Debian unstable one of 2024-07.
MIN_RELEASE = "20250319"
# If set, an older release is an error instead of a warning: for machines where more than a model's own code runs.
REQUIRE_VARIABLE = "REQUIRE_CURRENT_GVISOR"
INSTALL_URL = "https://gvisor.dev/docs/user_guide/install/"

_DATE = re.compile(r"(20\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")


def release_date(version: str) -> str | None:
    """The date in what `runsc --version` calls itself, as eight digits.

    Args:
        version: such as `release-20240715.0`, or Debian's `0.0~20221219.0`.

    Returns:
        Such as `20240715`; None for a version without a date, such as a build from source.
    """
    found = _DATE.search(version)
    return found[0] if found else None


def is_too_old(version: str) -> bool:
    """Whether a release is older than the minimum; one without a date is not known to be."""
    date = release_date(version)
    return date is not None and date < MIN_RELEASE


def too_old(version: str) -> str:
    """The message about a release that is too old, with its fix."""
    return (
        f"gVisor {version} is older than release-{MIN_RELEASE}.0 and lacks security fixes such as that of"
        f" CVE-2025-2713: install a current release ({INSTALL_URL})"
    )


if __name__ == "__main__":
    if is_too_old(sys.argv[1]):
        sys.stderr.write(f"{too_old(sys.argv[1])}\n")
        sys.exit(3)
