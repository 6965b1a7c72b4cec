"""Floods: output, open files, and the disk."""

from hostile.program import hostile

PROGRAMS = (
    hostile(
        "endless output",
        "output",
        """
        import os
        while True:
            os.write(1, b'x' * 60000)
        """,
    ),
    hostile(
        "endless errors, one byte at a time",
        "output timeout",
        """
        import os
        while True:
            os.write(2, b'x')
        """,
    ),
    hostile(
        "one line that is too long",
        "output",
        """
        print('x' * 10 ** 7)
        """,
    ),
    hostile(
        "endless output of children",
        "output",
        """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                while True:
                    os.write(1, b'x' * 4096)
        time.sleep(60)
        """,
    ),
    hostile(
        "a huge message of an exception",
        "error",
        """
        raise ValueError('x' * 10 ** 7)
        """,
    ),
    hostile(
        "output that is no text",
        "passed",
        """
        import os
        count = os.write(1, bytes(range(256)) + b'\\x1b[2J\\x1b]0;title\\x07\\xff\\xfe\\xed\\xa0\\x80')
        count += os.write(2, bytes(range(256)))
        assert count > 512
        """,
    ),
    hostile(
        "open files without end",
        "error",
        """
        kept = []
        while True:
            kept.append(open('/dev/null'))
        """,
    ),
    hostile(
        "pipes and sockets without end",
        "error",
        """
        import os, socket
        kept = []
        while True:
            kept.append((os.pipe(), socket.socketpair()))
        """,
    ),
    hostile(
        "one huge file",
        "error",
        """
        with open('big', 'wb') as file:
            while True:
                file.write(bytes(10 ** 6))
        """,
    ),
    hostile(
        "a huge file that is mostly holes",
        "error",
        """
        with open('big', 'wb') as file:
            file.truncate(10 ** 12)
        """,
    ),
    hostile(
        "many files that fill the disk",
        "error",
        """
        import itertools
        for i in itertools.count():
            with open(f'{i}', 'wb') as file:
                file.write(bytes(10 ** 6))
        """,
    ),
    hostile(
        "deleted files that are still open and fill the disk",
        "error",
        """
        import os
        kept = []
        while True:
            file = open('big', 'wb', buffering=0)
            os.unlink('big')
            file.write(bytes(10 ** 6))
            kept.append(file)
        """,
    ),
    hostile(
        "empty files without end",
        "error memory timeout",
        """
        import itertools, os
        for i in itertools.count():
            os.close(os.open(f'{i}', os.O_CREAT | os.O_WRONLY))
        """,
    ),
    hostile(
        "hard links without end",
        "error timeout",
        """
        import itertools, os
        open('file', 'w').close()
        for i in itertools.count():
            os.link('file', f'{i}')
        """,
    ),
)
