"""The errors that reach people: one line that says what is wrong, where, and the way out."""


class SelfCodeAlignError(Exception):
    """Base of every error that is shown to people as one line, without a traceback."""

    exit_code = 1


class InputError(SelfCodeAlignError):
    """A parameter, a file or a row that the user gave is wrong."""


class PrerequisiteError(SelfCodeAlignError):
    """The machine lacks something; the message ends with the way to get it."""

    exit_code = 2


class SandboxError(SelfCodeAlignError):
    """The sandbox itself failed (never the program inside it), and bounded retries did not help."""

    exit_code = 2
