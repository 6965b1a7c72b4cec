"""The script that scores samples inside the sandbox: `harness.py` with the modules that it imports."""

from pathlib import Path

PACKAGE = "selfcodealign.evaluation"
# In the order of their imports.
MODULES = ("first_failure", "evidence", "diagnosis")

# The package is not installed in the image: its modules are entered where `import` looks first.
_LOADER = """
import sys, types
for name, text in {texts!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
"""


def harness_script() -> str:
    """The whole script: it decides verdicts, and so is part of their journal key."""
    folder = Path(__file__).parent
    texts = {f"{PACKAGE}.{name}": (folder / f"{name}.py").read_text(encoding="utf-8") for name in MODULES}
    return _LOADER.format(texts=texts) + (folder / "harness.py").read_text(encoding="utf-8")
