"""Which modules and builtins reach the system, so that a function that uses them is no seed.

A seed inspires tasks whose answers run against assertions in a sandbox without network: files, processes, clocks of
other machines and terminals lead to tasks that cannot be checked there.
"""

# fmt: off
_BLOCKED_MODULES = frozenset({
    # Running code, processes and threads, and the interpreter itself.
    "_thread", "asyncio", "atexit", "builtins", "cffi", "code", "codeop", "concurrent", "contextvars", "ctypes",
    "distutils", "ensurepip", "faulthandler", "gc", "imp", "importlib", "invoke", "multiprocess", "multiprocessing",
    "nt", "os", "pdb", "pexpect", "pip", "pkg_resources", "pkgutil", "platform", "posix", "psutil", "pty", "queue",
    "resource", "runpy", "sched", "setuptools", "sh", "signal", "site", "subprocess", "sys", "sysconfig",
    "threading", "trace", "traceback", "tracemalloc", "venv", "zipapp", "zipimport",
    # Files.
    "aiofiles", "dbm", "dulwich", "dvc", "fcntl", "fileinput", "filelock", "fsspec", "git", "glob", "io",
    "linecache", "marshal", "mmap", "ntpath", "pathlib", "pickle", "posixpath", "pygit2", "shelve", "shutil",
    "sqlite3", "tarfile", "tempfile", "watchdog", "watchfiles", "zipfile",
    # Terminal, users and windows.
    "argparse", "click", "curses", "docopt", "fire", "getopt", "getpass", "grp", "msvcrt", "optparse", "pwd",
    "readline", "syslog", "termios", "tkinter", "tty", "turtle", "typer", "win32api", "win32con", "winreg",
    "winsound",
    # Network, servers and services.
    "aiohttp", "anthropic", "anyio", "asyncpg", "asyncssh", "boto", "boto3", "botocore", "celery", "distributed",
    "django", "docker", "fabric", "fastapi", "fastmcp", "flask", "ftplib", "google", "grpc", "http", "httpcore",
    "httpx", "huggingface_hub", "imaplib", "kazoo", "kombu", "kubernetes", "mcp", "MySQLdb", "nntplib", "openai",
    "paramiko", "pika", "poplib", "psycopg", "psycopg2", "pymongo", "pymysql", "ray", "redis", "requests", "s3fs",
    "select", "selectors", "selenium", "sentry_sdk", "smtplib", "socket", "socketserver", "sqlalchemy", "ssl",
    "starlette", "telnetlib", "tornado", "trio", "twisted", "urllib", "urllib3", "uvicorn", "uvloop", "webbrowser",
    "websocket", "websockets", "wsgiref", "xmlrpc", "zmq",
})
# fmt: on
# Parts of blocked modules that only compute: text of addresses, in-memory streams.
_PURE_PARTS = ("urllib.parse", "io.StringIO", "io.BytesIO", "queue.PriorityQueue")

_BLOCKED_BUILTINS = frozenset({"open", "input", "eval", "exec", "compile", "__import__", "breakpoint"})


def blocked_module(name: str) -> str | None:
    """The blocked part of an imported name.

    Args:
        name: dotted name of a module, or of a module's member: `os.path`, `collections.abc.Iterable`.

    Returns:
        The top-level module if it reaches the system, else None.
    """
    if any(name == part or name.startswith(f"{part}.") for part in _PURE_PARTS):
        return None
    top = name.split(".", maxsplit=1)[0]
    return top if top in _BLOCKED_MODULES else None


def blocked_builtin(name: str) -> bool:
    """Whether a builtin function reads files or the terminal, or runs text as code."""
    return name in _BLOCKED_BUILTINS
