"""Programs whose verdicts are known: a sandbox that judges one of them wrong is not asked about others."""

from dataclasses import dataclass

from selfcodealign.sandbox.settings import Limits, Status


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """A program and its verdict.

    Attributes:
        name: for messages.
        status: what it must get.
        source: the program; `{...}` fields of `Limits` are filled in.
        timeout_s: its own time limit, seconds: generous, so that a busy machine does not fail the test.
    """

    name: str
    status: Status
    source: str
    timeout_s: float = 60.0

    def source_for(self, limits: Limits) -> str:
        """The program, made to break one of these limits where it is to."""
        return self.source.replace("MAX_OUTPUT_BYTES", str(limits.max_output_bytes)).replace(
            "MEMORY_MIB", str(limits.memory_mib)
        )


_ADD = "def add(a, b):\n    return a + b\n"

KNOWN_ANSWERS = (
    KnownAnswer("right sum", Status.PASSED, _ADD + "assert add(1, 2) == 3\n"),
    KnownAnswer("wrong sum", Status.FAILED, _ADD + "assert add(1, 2) == 4\n"),
    KnownAnswer("division by zero", Status.ERROR, _ADD + "assert add(1, 2) == 3 / 0\n"),
    KnownAnswer("no Python", Status.SYNTAX, "def add(a, b:\n"),
    KnownAnswer("early exit", Status.INCOMPLETE, _ADD + "import os\nos._exit(0)\nassert add(1, 2) == 4\n"),
    KnownAnswer("no assertion", Status.VACUOUS, _ADD + "assert True\n"),
    KnownAnswer("endless loop", Status.TIMEOUT, "while True:\n    pass\n", timeout_s=0.3),
    KnownAnswer(
        "too much memory", Status.MEMORY, _ADD + "x = bytearray(MEMORY_MIB * 2 ** 20)\nassert add(1, 2) == 3\n"
    ),
    KnownAnswer("too much output", Status.OUTPUT, _ADD + "print('x' * MAX_OUTPUT_BYTES)\nassert add(1, 2) == 3\n"),
)
