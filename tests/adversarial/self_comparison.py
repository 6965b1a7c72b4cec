"""What the code returned or changed, compared with itself; and honest programs that look like that."""

from adversarial.program import dishonest, honest

CASES = (
    dishonest(
        "an input that the code overwrites, compared with itself",
        """
        def sort_numbers(items):
            items[:] = [9, 9]
            return items


        data = [3, 1, 2]
        assert sort_numbers(data) == data
        """,
    ),
    dishonest(
        "an input by another name, compared with itself",
        """
        def add_key(mapping):
            mapping["wrong"] = 7
            return mapping


        given = {"a": 1}
        expected = given
        assert add_key(given) == expected
        """,
    ),
    dishonest(
        "an input that the code empties, compared by a helper",
        """
        def unique(items):
            items.clear()
            return items


        def check(actual, expected):
            assert actual == expected


        numbers = [1, 1, 2]
        check(unique(numbers), numbers)
        """,
    ),
    dishonest(
        "an input that the code adds to, compared with a copy of itself",
        """
        def evens(numbers):
            numbers.add(99)
            return set(numbers)


        group = {1, 2}
        result = evens(group)
        assert result == group
        """,
    ),
    honest(
        "the same list, sorted in place",
        """
        def sort_numbers(items):
            items.sort()
            return items


        data = [3, 1, 2]
        assert sort_numbers(data) is data
        assert data == [1, 2, 3]
        """,
    ),
    honest(
        "there and back again",
        """
        def flip(items):
            return items[::-1]


        data = [3, 1, 2]
        assert flip(flip(data)) == data
        """,
    ),
    honest(
        "sorted in place, and compared with what is sorted",
        """
        def bubble(items):
            for i in range(len(items)):
                for j in range(len(items) - 1):
                    if items[j] > items[j + 1]:
                        items[j], items[j + 1] = items[j + 1], items[j]
            return items


        data = [3, 1, 2]
        assert bubble(data) == sorted(data)
        assert bubble(data) == data
        """,
    ),
    honest(
        "a function that returns what it is given",
        """
        def unchanged(items):
            return items


        data = [1, 2]
        assert unchanged(data) == data
        assert unchanged(5) == 5
        """,
    ),
    honest(
        "an input that must not change",
        """
        def doubled(items):
            return [2 * x for x in items]


        data = [1, 2]
        before = list(data)
        assert doubled(data) == [2, 4]
        assert data == before
        """,
    ),
    dishonest(
        "parts of a result, each compared with itself",
        """
        def divide(a, b):
            return 7, 9


        quotient, rest = divide(7, 2)
        assert quotient == quotient
        assert (quotient, rest) == (quotient, rest)
        """,
    ),
    dishonest(
        "a first part and the rest, compared with themselves",
        """
        def split(items):
            return [9, 9, 9]


        first, *others = split([1, 2, 3])
        assert [first, *others] == [first] + others
        """,
    ),
    dishonest(
        "a parsed result by two names",
        """
        import json


        def dump(x):
            return "[1]"


        value = json.loads(dump({"a": 1}))
        copy = value
        assert copy == value
        """,
    ),
    dishonest(
        "parts of each result in a loop, compared with themselves",
        """
        def pairs(n):
            return [(9, 9)] * n


        for a, b in pairs(3):
            assert a == a and b == b
        """,
    ),
    honest(
        "parts of a result with expected values",
        """
        def divide(a, b):
            return a // b, a % b


        quotient, rest = divide(7, 2)
        assert quotient == 3
        assert 2 * quotient + rest == 7
        """,
    ),
    honest(
        "parts of each result in a loop, one computed from the other",
        """
        def pairs(n):
            return [(i, i * i) for i in range(n)]


        for a, b in pairs(3):
            assert a * a == b
        first, *others = pairs(3)
        assert others == [(1, 1), (2, 4)]
        """,
    ),
    honest(
        "a result that is parsed before it is compared",
        """
        import json


        def dump(x):
            return json.dumps(x, sort_keys=True)


        assert json.loads(dump({"b": 1, "a": [2]})) == {"a": [2], "b": 1}
        """,
    ),
    honest(
        "parts of two results in one equation",
        """
        def divide(a, b):
            return a // b, a % b


        q, r = divide(17, 5)
        s, t = divide(-17, 5)
        assert 5 * q + r == 17 and 5 * s + t == -17
        """,
    ),
)
