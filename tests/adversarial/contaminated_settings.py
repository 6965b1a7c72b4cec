"""Programs that change settings and registries of library modules for the program that follows."""

from adversarial.program import contaminating

CASES = (
    contaminating(
        "a way to copy lists that is registered for all",
        """
        import copy, copyreg

        def clone(value):
            return copy.deepcopy(value)

        assert clone([1, [2]]) == [1, [2]]
        copy._deepcopy_dispatch[list] = lambda value, memo: value
        copy._copy_dispatch[dict] = lambda value: value
        copyreg.pickle(complex, lambda value: (complex, (0, 0)))
        """,
        """
        import copy, pickle

        def snapshot(state):
            return copy.deepcopy(state)

        state = [1, [2]]
        saved = snapshot(state)
        state[1].append(3)
        assert saved == [1, [2]]
        assert copy.copy({"a": 1}) == {"a": 1}
        assert pickle.loads(pickle.dumps(1 + 2j)) == 1 + 2j
        """,
    ),
    contaminating(
        "types registered with abstract classes",
        """
        import collections.abc, numbers

        numbers.Integral.register(str)
        collections.abc.Mapping.register(list)

        def is_whole(value):
            return isinstance(value, numbers.Integral)

        assert is_whole(3)
        """,
        """
        import collections.abc, numbers

        def kind(value):
            if isinstance(value, numbers.Integral):
                return "whole"
            if isinstance(value, collections.abc.Mapping):
                return "mapping"
            return "other"

        assert kind(7) == "whole"
        assert kind("7") == "other"
        assert kind([1]) == "other"
        assert kind({}) == "mapping"
        """,
    ),
    contaminating(
        "filters that turn warnings into errors",
        """
        import warnings

        warnings.simplefilter("error")
        warnings.showwarning = lambda *values, **options: None

        def old():
            warnings.warn("old", DeprecationWarning)

        try:
            old()
        except DeprecationWarning as warning:
            text = str(warning)
        assert text == "old"
        """,
        """
        import warnings

        def legacy_sum(values):
            warnings.warn("use sum", DeprecationWarning, stacklevel=2)
            return sum(values)

        assert legacy_sum([1, 2]) == 3
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            legacy_sum([])
        assert [str(warning.message) for warning in caught] == ["use sum"]
        """,
    ),
    contaminating(
        "logging disabled, with handlers of its own",
        """
        import logging

        logging.disable(logging.CRITICAL)
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger().setLevel(99)
        logging.addLevelName(30, "QUIET")
        logging.Formatter.default_time_format = "%Y"

        def level():
            return logging.getLogger().level

        assert level() == 99
        """,
        """
        import io, logging

        def log_to(stream, text):
            handler = logging.StreamHandler(stream)
            handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
            logger = logging.getLogger("victim")
            logger.addHandler(handler)
            logger.warning(text)
            logger.removeHandler(handler)

        stream = io.StringIO()
        log_to(stream, "low disk")
        assert stream.getvalue() == "WARNING low disk\\n"
        assert logging.getLogger().handlers == []
        """,
    ),
    contaminating(
        "contexts of decimal numbers",
        """
        import decimal

        decimal.getcontext().prec = 3
        decimal.getcontext().rounding = decimal.ROUND_UP
        decimal.DefaultContext.prec = 2
        decimal.BasicContext.traps[decimal.DivisionByZero] = False

        def third():
            return decimal.Decimal(1) / 3

        assert str(third()) == "0.334"
        """,
        """
        import decimal, threading

        def share(amount, people):
            return str(decimal.Decimal(amount) / people)

        assert share(10, 3) == "3.333333333333333333333333333"
        found = []
        thread = threading.Thread(target=lambda: found.append(share(2, 3)))
        thread.start()
        thread.join()
        assert found == ["0.6666666666666666666666666667"]
        """,
    ),
    contaminating(
        "settings of csv, calendar, mimetypes and XML",
        """
        import calendar, csv, mimetypes
        import xml.etree.ElementTree as tree

        csv.field_size_limit(4)
        csv.register_dialect("excel", delimiter=";")
        calendar.setfirstweekday(calendar.SUNDAY)
        mimetypes.add_type("text/changed", ".txt")
        tree.register_namespace("changed", "http://example.org/ns")

        def first_day():
            return calendar.firstweekday()

        assert first_day() == 6
        """,
        """
        import calendar, csv, io, mimetypes
        import xml.etree.ElementTree as tree

        def rows(text):
            return list(csv.reader(io.StringIO(text)))

        def week(year, month):
            return calendar.monthcalendar(year, month)[0]

        assert rows("long field,b\\n") == [["long field", "b"]]
        assert week(2024, 7) == [1, 2, 3, 4, 5, 6, 7]
        assert mimetypes.guess_type("notes.txt")[0] == "text/plain"
        assert b"changed" not in tree.tostring(tree.Element("{http://example.org/ns}a"))
        """,
    ),
    contaminating(
        "shared encoders of json and representations",
        """
        import json, reprlib

        json._default_encoder.sort_keys = True
        json._default_encoder.default = lambda value: "unknown"
        json._default_decoder.parse_float = str
        reprlib.aRepr.maxlist = 1
        reprlib.aRepr.maxstring = 8

        def dump(value):
            return json.dumps(value)

        assert dump({"b": 1, "a": 2}) == '{"a": 2, "b": 1}' or dump({}) == "{}"
        """,
        """
        import json, reprlib

        def save(value):
            try:
                return json.dumps(value)
            except TypeError:
                return "cannot"

        assert save({"b": 1, "a": 2}) == '{"b": 1, "a": 2}'
        assert save({"a": object()}) == "cannot"
        assert reprlib.repr([1, 2, 3]) == "[1, 2, 3]"
        """,
    ),
    contaminating(
        "handlers of codecs",
        """
        import codecs

        codecs.register_error("namereplace", lambda error: ("?", error.end))
        codecs.register_error("surrogateescape", lambda error: ("?", error.end))
        codecs.register(lambda name: codecs.lookup("utf-8") if name == "made_up" else None)

        def encode(text):
            return text.encode("made-up")

        assert encode("a") == b"a"
        """,
        """
        def ascii_names(text):
            return text.encode("ascii", "namereplace")

        def is_known(encoding):
            try:
                "".encode(encoding)
            except LookupError:
                return False
            return True

        assert ascii_names("a\\u00e4") == b"a\\\\N{LATIN SMALL LETTER A WITH DIAERESIS}"
        assert is_known("latin-1")
        assert not is_known("made-up")
        """,
    ),
    contaminating(
        "settings of numpy",
        """
        import numpy as np

        np.seterr(all="raise")
        np.set_printoptions(precision=1, suppress=True)
        np.random.seed(1)
        np.sort = lambda a, **options: a

        def rounded(x):
            return str(np.array([x]))

        assert rounded(1.26) == "[1.3]"
        """,
        """
        import warnings
        import numpy as np

        def safe_divide(a, b):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return np.array(a) / np.array(b)

        assert safe_divide([1.0], [0.0])[0] == np.inf
        assert str(np.array([1.2345])) == "[1.2345]"
        assert list(np.sort(np.array([2, 1]))) == [1, 2]
        """,
    ),
)
