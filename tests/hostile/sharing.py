"""Programs that look as if they could touch nothing but their own objects, and so might share a process with others."""

from hostile.program import Hostile, hostile


def shared(name: str, source: str, after: str, statuses: str = "passed") -> Hostile:
    """A program that changes something by innocent names, and one that would suffer from it."""
    return hostile(name, statuses, source, after)


PROGRAMS = (
    shared(
        "a field set on a function of the library",
        """
        import json
        def mark():
            json.dumps.left = 1
            return json.dumps.left
        assert mark() == 1
        """,
        """
        import json
        def found():
            return hasattr(json.dumps, 'left')
        assert not found()
        """,
    ),
    shared(
        "a default changed through copy",
        """
        import copy, textwrap
        class Trick:
            def __reduce_ex__(self, protocol):
                return (lambda: textwrap.wrap), (), (None, {'__defaults__': (3,)})
        x = copy.copy(Trick())
        assert textwrap.wrap('ab cd ef') == ['ab', 'cd', 'ef']
        """,
        """
        import textwrap
        def wrapped(text):
            return textwrap.wrap(text)
        assert wrapped('ab cd ef') == ['ab cd ef']
        """,
    ),
    shared(
        "a default of a class's function changed through copy",
        """
        import copy, fractions
        class Trick:
            def __reduce_ex__(self, protocol):
                return (lambda: fractions.Fraction.limit_denominator), (), (None, {'__defaults__': (1,)})
        x = copy.copy(Trick())
        assert fractions.Fraction('0.3').limit_denominator() == 0
        """,
        """
        from fractions import Fraction
        def nearest(text):
            return Fraction(text).limit_denominator()
        assert nearest('0.3') == Fraction(3, 10)
        """,
    ),
    shared(
        "a private field of typing set",
        """
        from typing import List, Optional
        def mark():
            Optional._getitem = lambda form, parameter: int
            List._name = 'Hostile'
            return repr(List)
        assert 'Hostile' in mark()
        """,
        """
        from typing import List, Optional
        def names():
            return repr(List), repr(Optional[int])
        assert names() == ('typing.List', 'typing.Optional[int]')
        """,
    ),
    shared(
        "a table of the library changed in place",
        """
        import textwrap
        def change():
            textwrap.TextWrapper.unicode_whitespace_trans[ord('a')] = ord('b')
            return textwrap.wrap('aa')
        assert change() == ['bb']
        """,
        """
        import textwrap
        def wrapped(text):
            return textwrap.wrap(text)
        assert wrapped('aa') == ['aa']
        """,
    ),
    shared(
        "a module found in an exception",
        """
        import math
        def module():
            try:
                math.nothing
            except AttributeError as error:
                return error.obj
        m = module()
        m.pi = 3
        assert math.pi == 3
        """,
        """
        import math
        def area(radius):
            return math.pi * radius ** 2
        assert 3.1 < area(1) < 3.2
        """,
    ),
    shared(
        "a module found in an exception, whose function is changed",
        """
        import bisect
        def module():
            try:
                bisect.nothing
            except AttributeError as error:
                return error.obj
        m = module()
        m.bisect_left = lambda values, value: 7
        assert bisect.bisect_left([1, 2], 2) == 7
        """,
        """
        import bisect
        def place(values, value):
            return bisect.bisect_left(values, value)
        assert place([1, 2], 2) == 1
        """,
    ),
    shared(
        "a class of the library changed through a subclass",
        """
        import collections, json
        class Own(json.JSONEncoder):
            pass
        def change():
            Own.__base__.default = lambda self, value: 'hostile'
            json.JSONEncoder.item_separator = ';'
            return json.dumps([1, 2])
        assert change()
        """,
        """
        import json
        def text(value):
            return json.dumps(value)
        assert text([1, 2]) == '[1, 2]'
        """,
        statuses="passed error",
    ),
    shared(
        "a context of decimal numbers",
        """
        import decimal
        def third():
            decimal.getcontext().prec = 2
            return str(decimal.Decimal(1) / 3)
        assert third() == '0.33'
        """,
        """
        import decimal
        def third():
            return len(str(decimal.Decimal(1) / 3))
        assert third() == 30
        """,
    ),
    shared(
        "an object whose end comes in the next program",
        """
        class Late:
            pass
        def leave():
            late = type('Late', (), {'__del__': lambda self: print('late' * 1000)})()
            late.own = late
            return late
        x = leave()
        assert x.own is x
        """,
        """
        def f(x):
            return [[] for _ in range(x)]
        assert len(f(5000)) == 5000
        """,
    ),
    shared(
        "an end that does not end",
        """
        def leave():
            def spin(self):
                while True:
                    pass
            return type('Late', (), {'__del__': spin})()
        x = leave()
        assert x
        """,
        """
        def f(x):
            return x
        assert f(1) == 1
        """,
        statuses="passed timeout",
    ),
    shared(
        "a generator that never lets go",
        """
        def stubborn():
            while True:
                try:
                    yield 1
                except BaseException:
                    pass
        x = stubborn()
        first = next(x)
        assert first == 1
        """,
        """
        def f(x):
            return x
        assert f(1) == 1
        """,
        statuses="passed error",
    ),
)
