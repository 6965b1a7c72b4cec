"""The last step of both ways to build the image, run in it: leave out what no program needs, and compile the rest.

Only the standard library:  python3 finish.py FOLDER_OF_PACKAGES
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Packages bring their own tests: a third of their size. `numpy.testing` and the like have other names.
LEFT_OUT = "tests"


def finish(folder: Path) -> None:
    """Remove the packages' own tests and write byte code for every module.

    Args:
        folder: where the packages are, such as `site-packages`.
    """
    for path in sorted(folder.rglob(LEFT_OUT)):
        if path.is_dir():
            shutil.rmtree(path)
    # A few files are for other versions of Python, and do not compile: their imports are guarded.
    compiling = [sys.executable, "-m", "compileall", "-qq"]
    entries = [str(entry) for entry in sorted(folder.iterdir()) if entry.name != "__pycache__"]
    num_jobs = os.cpu_count() or 1
    jobs = [subprocess.Popen([*compiling, *entries[first::num_jobs]]) for first in range(min(num_jobs, len(entries)))]
    for job in jobs:
        job.wait()


if __name__ == "__main__":
    finish(Path(sys.argv[1]))
