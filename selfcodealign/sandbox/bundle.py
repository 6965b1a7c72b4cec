"""Scripts that go into a container over its standard input: nothing is mounted, and the image holds none of them."""

import functools
import hashlib
from pathlib import Path

from selfcodealign.sandbox import inside

# Reads a script, framed by its length, and leaves the rest of standard input untouched.
BOOTSTRAP = """
import os
def read(count):
    parts = []
    while count:
        part = os.read(0, min(count, 1 << 20))
        if not part:
            raise SystemExit("the script was cut short")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
exec(compile(read(int(read(12))), "<sandbox>", "exec"))
"""

# In the order of their imports.
MODULES = (
    "frames", "seccomp", "syntax", "purity", "wrong", "roles", "taint", "bindings", "parts", "sites", "edits",
    "listeners", "execution", "judgement", "broken", "expectations", "suppression", "inputs", "copies", "program",
    "child", "folders", "running", "preload", "supervisor",
)  # fmt: skip

_LOADER = """
import sys, types
for name, text in {texts!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
sys.modules[{last!r}].main()
"""


def framed_script(script: str) -> bytes:
    """A script as `BOOTSTRAP` expects it at the start of standard input."""
    encoded = script.encode()
    return b"%12d" % len(encoded) + encoded


@functools.cache
def supervisor_script() -> str:
    """The supervisor and its modules as one script."""
    folder = Path(inside.__file__).parent
    texts = {f"{inside.__name__}.{name}": (folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    return _LOADER.format(texts=texts, last=f"{inside.__name__}.{MODULES[-1]}")


def supervisor_hash() -> str:
    """A digest of the supervisor: it decides verdicts, and so is part of their cache key."""
    return hashlib.sha256(supervisor_script().encode()).hexdigest()[:16]
