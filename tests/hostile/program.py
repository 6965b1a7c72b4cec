"""What a hostile program is: its source, the statuses that are right, and the program that runs right after it."""

import textwrap
from dataclasses import dataclass

# In every name that a hostile program gives to what it makes: the host is searched for it afterwards.
MARKER = "selfcodealign-hostile"
# Filled in before a program is run: a file of the host, and doors of the host that are open while the suite runs.
HOST_FILE, HOST_PORT, HOST_SOCKET = "@HOST_FILE@", "@HOST_PORT@", "@HOST_SOCKET@"

# Finds nothing of the program before it: no file, no process, no changed environment.
GOOD = """\
import os
def leftovers():
    own = [p for p in os.listdir('/proc') if p.isdigit() and os.stat('/proc/' + p).st_uid == os.getuid()]
    folders = os.listdir('.'), os.listdir('/tmp'), os.listdir('/dev/shm')
    return *folders, own == [str(os.getpid())], os.environ.get('HOSTILE')
assert leftovers() == ([], ['work'], [], True, None)
"""


@dataclass(frozen=True)
class Hostile:
    """A program that means harm.

    Attributes:
        name: a sentence's subject: what it tries.
        statuses: those that are right. `passed` only where the program itself asserts that it did no harm; it may also
            be `vacuous` then, which says as well that it ran to its end, and that its assertions are about other things
            than code of its own.
        source: the program.
        after: runs right after it, in the same container, and must pass.
    """

    name: str
    statuses: frozenset[str]
    source: str
    after: str


def hostile(name: str, statuses: str, source: str, after: str = GOOD) -> Hostile:
    """Make a program from an indented text. Several right statuses are separated by spaces."""
    return Hostile(name, frozenset(statuses.split()), textwrap.dedent(source).lstrip("\n"), textwrap.dedent(after))
