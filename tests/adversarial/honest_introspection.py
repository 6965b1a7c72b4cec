"""Honest programs that inspect Python code, or create it at run time."""

from adversarial.program import honest

CASES = (
    honest(
        "builtins by their name and by their module",
        """
        import builtins

        def builtin(name):
            space = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)
            return space[name]

        def is_builtin(value):
            return getattr(builtins, value.__name__, None) is value

        assert builtin("len")("abc") == 3
        assert builtin("sum")([1, 2]) == 3
        assert is_builtin(sorted) is True
        assert is_builtin(is_builtin) is False
        """,
    ),
    honest(
        "a module written and imported",
        """
        import importlib, pathlib, sys

        def load_plugin(name, code):
            pathlib.Path(f"{name}.py").write_text(code)
            importlib.invalidate_caches()
            sys.path.insert(0, ".")
            try:
                return importlib.import_module(name)
            finally:
                sys.path.remove(".")

        plugin = load_plugin("greeter_plugin", "def greet(name):\\n    return f'hi {name}'\\n")
        assert plugin.greet("ann") == "hi ann"
        assert load_plugin("numbers_plugin", "VALUE = 41 + 1\\n").VALUE == 42
        """,
    ),
    honest(
        "functions made by exec and their signatures",
        """
        import inspect

        def make_function(name, parameters, body):
            space = {}
            exec(f"def {name}({', '.join(parameters)}):\\n    return {body}\\n", space)
            return space[name]

        def arity(function):
            return len(inspect.signature(function).parameters)

        add = make_function("add", ["a", "b"], "a + b")
        assert add(2, 3) == 5
        assert arity(add) == 2
        assert arity(make_function("zero", [], "0")) == 0
        """,
    ),
    honest(
        "a source text that looks at itself",
        """
        import inspect, sys

        def documented(function):
            return (function.__doc__ or "").strip().splitlines()[0]

        def add(a, b):
            'Add two numbers.'
            return a + b

        def caller_name():
            return sys._getframe(1).f_code.co_name

        def outer():
            return caller_name()

        assert documented(add) == "Add two numbers."
        assert outer() == "outer"
        assert add(2, 2) == 4
        assert list(inspect.signature(add).parameters) == ["a", "b"]
        """,
    ),
)
