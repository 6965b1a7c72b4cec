"""Honest programs with assertions of many forms: inequality, identity, membership, order, messages."""

from adversarial.program import honest

CASES = (
    honest(
        "assertions by inequality",
        """
        def fingerprint(text):
            value = 17
            for c in text:
                value = (value * 31 + ord(c)) % 1_000_003
            return value

        assert fingerprint("ab") != fingerprint("ba")
        assert fingerprint("") != fingerprint("a")
        assert not fingerprint("abc") != 602801
        assert fingerprint("") == 17
        """,
    ),
    honest(
        "assertions by identity and by None",
        """
        class Registry:
            _instances = {}

            def __new__(cls, name):
                if name not in cls._instances:
                    cls._instances[name] = super().__new__(cls)
                return cls._instances[name]

            def get(self, key, table):
                return table.get(key)

        a, b = Registry("x"), Registry("y")
        assert Registry("x") is a
        assert a is not b
        assert a.get("k", {"k": 5}) == 5
        assert a.get("missing", {}) is None
        """,
    ),
    honest(
        "assertions by membership",
        """
        def suggestions(word, dictionary):
            letters = "abcdefghijklmnopqrstuvwxyz"
            splits = [(word[:i], word[i:]) for i in range(len(word) + 1)]
            edits = {a + b[1:] for a, b in splits if b} | {a + c + b for a, b in splits for c in letters}
            return sorted(edits & set(dictionary))

        found = suggestions("cat", ["at", "cart", "cats", "dog", "chat"])
        assert "cart" in found
        assert "at" in found
        assert "dog" not in found
        assert len(found) == 4
        """,
    ),
    honest(
        "assertions by order",
        """
        import math

        def entropy(counts):
            total = sum(counts)
            return -sum(c / total * math.log2(c / total) for c in counts if c)

        assert entropy([9, 1]) < entropy([5, 5])
        assert entropy([1, 1, 1, 1]) > entropy([1, 1])
        assert 0.46 < entropy([9, 1]) < 0.47
        assert entropy([4, 4]) == 1.0
        """,
    ),
    honest(
        "assertions by closeness",
        """
        import math

        def integrate(function, a, b, n=1000):
            h = (b - a) / n
            odd = sum(function(a + i * h) for i in range(1, n, 2))
            even = sum(function(a + i * h) for i in range(2, n, 2))
            return h / 3 * (function(a) + 4 * odd + 2 * even + function(b))

        assert math.isclose(integrate(math.sin, 0, math.pi), 2, rel_tol=1e-9)
        assert abs(integrate(math.exp, 0, 1) - (math.e - 1)) < 1e-9
        assert round(integrate(lambda x: x * x, 0, 3), 6) == 9
        """,
    ),
    honest(
        "a table of cases with a message for each",
        """
        def normalize(path):
            parts = []
            for part in path.split("/"):
                if part == "..":
                    if parts:
                        parts.pop()
                elif part not in ("", "."):
                    parts.append(part)
            return "/" + "/".join(parts)

        CASES = {
            "/a/./b": "/a/b",
            "/a/../b": "/b",
            "/../..": "/",
            "//x///y/": "/x/y",
        }
        for path, expected in CASES.items():
            actual = normalize(path)
            assert actual == expected, f"normalize({path!r}) is {actual!r}, not {expected!r}"
        print(f"{len(CASES)} cases passed")
        """,
    ),
    honest(
        "a message that would fail if it were made",
        """
        def index_of(items, wanted):
            return next((i for i, item in enumerate(items) if item == wanted), -1)

        assert index_of("abc", "c") == 2, 1 / 0
        assert index_of("abc", "z") == -1, undefined_name
        """,
    ),
)
