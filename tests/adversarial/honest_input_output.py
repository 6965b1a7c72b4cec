"""Honest programs that read input, print, or write files."""

from adversarial.program import honest

CASES = (
    honest(
        "a main block that patches standard input",
        """
        import io, sys

        def read_matrix():
            rows = int(input())
            return [[int(n) for n in input().split()] for _ in range(rows)]

        def trace(matrix):
            return sum(row[i] for i, row in enumerate(matrix))

        if __name__ == "__main__":
            sys.stdin = io.StringIO("2\\n1 2\\n3 4\\n")
            matrix = read_matrix()
            assert matrix == [[1, 2], [3, 4]]
            assert trace(matrix) == 5
        """,
    ),
    honest(
        "input replaced by a mock",
        """
        from unittest.mock import patch

        def ask_number(prompt):
            while True:
                try:
                    return int(input(prompt))
                except ValueError:
                    print("not a number")

        with patch("builtins.input", side_effect=["x", "", "42"]) as asked:
            assert ask_number("n? ") == 42
            assert asked.call_count == 3
        """,
    ),
    honest(
        "empty input that is handled",
        """
        import sys

        def totals(lines):
            return [sum(map(int, line.split())) for line in lines if line.strip()]

        def read_or(default):
            try:
                return input()
            except EOFError:
                return default

        assert totals(["1 2", "", "5"]) == [3, 5]
        assert read_or("nothing") == "nothing"
        assert totals(sys.stdin) == []
        """,
    ),
    honest(
        "what is printed, by redirect_stdout",
        """
        import contextlib, io

        def print_tree(tree, indent=0):
            for name, children in tree.items():
                print("  " * indent + name)
                print_tree(children, indent + 1)

        stream = io.StringIO()
        with contextlib.redirect_stdout(stream):
            print_tree({"root": {"leaf": {}, "branch": {"bud": {}}}})
        assert stream.getvalue() == "root\\n  leaf\\n  branch\\n    bud\\n"
        """,
    ),
    honest(
        "what is printed, by an own stream",
        """
        import sys

        class Recorder:
            def __init__(self):
                self.parts = []

            def write(self, text):
                self.parts.append(text)
                return len(text)

            def flush(self):
                self.parts.append("<flush>")

        def progress(steps):
            for step in range(1, steps + 1):
                print(f"{step}/{steps}", end=" ", flush=step == steps)

        plain, sys.stdout = sys.stdout, Recorder()
        try:
            progress(3)
            text = "".join(sys.stdout.parts)
        finally:
            sys.stdout = plain
        assert text == "1/3 2/3 3/3 <flush>"
        """,
    ),
    honest(
        "files written and read again",
        """
        import csv, os, tempfile

        def save(path, rows):
            with open(path, "w", newline="") as file:
                csv.writer(file).writerows(rows)
            return os.path.getsize(path)

        def load(path):
            with open(path, newline="") as file:
                return [[int(cell) if cell.isdigit() else cell for cell in row] for row in csv.reader(file)]

        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "rows.csv")
            assert save(path, [["a, b", 1], ["c", 22]]) == 16
            assert load(path) == [["a, b", 1], ["c", 22]]
        assert not os.path.exists(path)
        """,
    ),
    honest(
        "a folder tree in the current folder",
        """
        from pathlib import Path

        def collect(root, suffix):
            return sorted(str(path.relative_to(root)) for path in root.rglob(f"*{suffix}"))

        def rename_all(root, old, new):
            paths = [path for path in root.rglob(f"*{old}")]
            for path in paths:
                path.rename(path.with_suffix(new))
            return len(paths)

        root = Path("tree")
        (root / "sub").mkdir(parents=True)
        for name in ("a.txt", "sub/b.txt", "c.md"):
            (root / name).write_text(name)
        assert collect(root, ".txt") == ["a.txt", "sub/b.txt"]
        assert rename_all(root, ".txt", ".rst") == 2
        assert collect(root, ".txt") == []
        assert (root / "sub" / "b.rst").read_text() == "sub/b.txt"
        """,
    ),
)
