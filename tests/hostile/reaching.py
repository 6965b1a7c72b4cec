"""Ways from innocent names to namespaces, classes and code: what must not work in a process that programs share."""

from hostile.sharing import shared

SUM = """
def total(values):
    return sum(values)
assert total([1, 2]) == 3
"""


PROGRAMS = (
    shared(
        "a class of functions used to make one from code",
        """
        def code_of(function):
            return function.__code__.replace(co_consts=(None, 7))
        def f():
            return 1
        made = type(f)(code_of(f), {})
        assert made() == 7
        """,
        """
        def f():
            return 1
        assert f() == 1
        """,
    ),
    shared(
        "namespaces read by a text format",
        """
        import textwrap
        def read():
            return '{0.__globals__[re]}'.format(textwrap.wrap)
        assert 'module' in read()
        """,
        """
        def f(x):
            return '{}'.format(x)
        assert f(1) == '1'
        """,
    ),
    shared(
        "every namespace, through functools.wraps",
        """
        import functools, textwrap
        kept = []
        class Box:
            def __setattr__(self, name, value):
                kept.append(value)
        functools.wraps(textwrap.wrap, assigned=('__globals__',), updated=())(Box())
        kept[0]['__builtins__']['sum'] = lambda values: 0
        x = sum([1, 2])
        assert x == 0
        """,
        SUM,
    ),
    shared(
        "every class, through the default of a dataclass's field",
        """
        import dataclasses
        Meta = type('Meta', (type,), {'__annotations__': {'__subclasses__': int}, '__doc__': 'x'})
        dataclasses.dataclass(Meta, init=False, repr=False, eq=False)
        subclasses = dataclasses.fields(Meta)[0].default
        (importer,) = [known for known in subclasses(object) if known.__name__ == 'BuiltinImporter']
        module = importer.load_module('builtins')
        module.sum = lambda values: 0
        assert sum([1, 2]) == 0
        """,
        SUM,
    ),
    shared(
        "the counter of its own assertions, through functools.wraps",
        """
        import functools, textwrap
        kept = []
        class Box:
            def __setattr__(self, name, value):
                kept.append(value)
        functools.wraps(textwrap.wrap, assigned=('__globals__',), updated=())(Box())
        read = kept[0]['__builtins__']['getattr']
        frame = read(kept[0]['__builtins__']['__import__']('sys'), '_getframe')()
        while frame:
            for value in list(read(frame, 'f_locals').values()):
                if 'Outcome' in repr(type(value)):
                    value.assertions = 9
            frame = read(frame, 'f_back')
        assert True
        """,
        SUM,
        statuses="vacuous error incomplete",
    ),
    shared(
        "the judge of the next program, through functools.wraps",
        """
        import functools, textwrap
        kept = []
        class Box:
            def __setattr__(self, name, value):
                kept.append(value)
        functools.wraps(textwrap.wrap, assigned=('__globals__',), updated=())(Box())
        read = kept[0]['__builtins__']['getattr']
        frame = read(kept[0]['__builtins__']['__import__']('sys'), '_getframe')()
        while frame:
            names = read(frame, 'f_globals')
            if 'execute' in names:
                names['execute'] = lambda *rest, **named: ('failed', '')
            frame = read(frame, 'f_back')
        x = kept
        assert x
        """,
        SUM,
    ),
)
