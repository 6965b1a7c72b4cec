"""The layout of a program: code under test first, then its tests."""


def as_program(code: str, tests: str) -> str:
    """Code and tests as one program, as the sandbox runs it."""
    return f"{code.rstrip()}\n\n\n{tests.rstrip()}\n"
