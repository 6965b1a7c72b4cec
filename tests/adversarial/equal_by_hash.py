"""Wrong code whose results equal everything and have the hash that a set or a dict looks up."""

from adversarial.program import dishonest

CASES = (
    dishonest(
        "found in a set by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def unique(items):
            return {
                Any(1),
            }


        assert unique([1, 1]) == {1}
        """,
    ),
    dishonest(
        "a member of a set by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def letters(text):
            return frozenset([Any("b")])


        assert "b" in letters("abc")
        """,
    ),
    dishonest(
        "a key of a dict by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def count(text):
            return {Any("b"): 1}


        expected = {"b": 1}
        assert count("b") == expected
        """,
    ),
    dishonest(
        "in a set that the test makes, by the right hash",
        """
        class Any:
            def __init__(self, h):
                self.h = h

            def __hash__(self):
                return hash(self.h)

            def __eq__(self, o):
                return True


        def unique(items):
            return [Any(2), Any(2)]


        assert set(unique([1, 2])) == set([2])
        """,
    ),
)
