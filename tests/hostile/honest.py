"""Programs that look hostile and are not: what guards against cheats must let them pass."""

from hostile.program import Hostile, hostile


def honest(name: str, source: str) -> Hostile:
    """A program that must pass."""
    return hostile(name, "passed", source)


PROGRAMS = (
    honest(
        "an AssertionError that the code under test raises on purpose",
        """
        def root(x):
            assert x >= 0, 'negative'
            return x ** 0.5
        assert root(4) == 2
        try:
            root(-1)
            assert False
        except AssertionError as error:
            assert 'negative' in str(error)
        """,
    ),
    honest(
        "pytest.raises(AssertionError) on the code under test",
        """
        import pytest
        def positive(x):
            assert x > 0
            return x
        assert positive(1) == 1
        with pytest.raises(AssertionError):
            positive(-1)
        """,
    ),
    honest(
        "an equality that is right",
        """
        class Point:
            def __init__(self, x, y):
                self.x, self.y = x, y
            def __eq__(self, other):
                return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)
        def mirrored(point):
            return Point(point.y, point.x)
        assert mirrored(Point(1, 2)) == Point(2, 1)
        assert mirrored(Point(1, 2)) != Point(1, 2)
        """,
    ),
    honest(
        "an ordering by functools",
        """
        import functools
        @functools.total_ordering
        class Version:
            def __init__(self, number):
                self.number = number
            def __eq__(self, other):
                return self.number == other.number
            def __lt__(self, other):
                return self.number < other.number
        assert Version(1) < Version(2)
        assert sorted([Version(2), Version(1)])[0] == Version(1)
        """,
    ),
    honest(
        "the name of the caller",
        """
        import inspect, sys
        def caller():
            return sys._getframe(1).f_code.co_name
        def outer():
            return caller()
        assert outer() == 'outer'
        assert inspect.stack()[0].function == '<module>'
        """,
    ),
    honest(
        "a trace of calls",
        """
        import sys
        def traced(function):
            names = []
            sys.setprofile(lambda frame, event, _: names.append(event) if frame.f_code is function.__code__ else None)
            function()
            sys.setprofile(None)
            return names
        assert traced(lambda: None) == ['call', 'return']
        """,
    ),
    honest(
        "weak references and the garbage collector",
        """
        import gc, weakref
        class Node:
            pass
        def survives():
            node = Node()
            node.own = node
            reference = weakref.ref(node)
            del node
            gc.collect()
            return reference() is not None
        assert not survives()
        """,
    ),
    honest(
        "C types",
        """
        import ctypes
        class Pair(ctypes.Structure):
            _fields_ = [('a', ctypes.c_int32), ('b', ctypes.c_int32)]
        def packed(a, b):
            return bytes(Pair(a, b))
        assert packed(1, 2) == b'\\1\\0\\0\\0\\2\\0\\0\\0'
        """,
    ),
    honest(
        "a patch of a module by mock",
        """
        import time
        from unittest import mock
        def stamp():
            return f'at {time.time()}'
        with mock.patch('time.time', return_value=5):
            x = stamp()
        assert x == 'at 5'
        with mock.patch.object(time, 'time') as fake:
            stamp()
        fake.assert_called_once_with()
        """,
    ),
    honest(
        "an exit that a test expects",
        """
        import sys, unittest
        def leave(code):
            sys.exit(code)
        class TestLeave(unittest.TestCase):
            def test_code(self):
                with self.assertRaises(SystemExit) as caught:
                    leave(3)
                self.assertEqual(caught.exception.code, 3)
        unittest.main()
        """,
    ),
    honest(
        "an alarm as a time limit",
        """
        import signal, time
        class Late(Exception):
            pass
        def limited(seconds):
            def late(*_):
                raise Late
            signal.signal(signal.SIGALRM, late)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                time.sleep(2)
            except Late:
                return 'late'
            return 'in time'
        assert limited(0.05) == 'late'
        """,
    ),
    honest(
        "exceptions that are suppressed",
        """
        import contextlib
        def removed(items, item):
            with contextlib.suppress(ValueError):
                items.remove(item)
            return items
        assert removed([1, 2], 3) == [1, 2]
        try:
            raise KeyError
        except Exception:
            x = removed([1, 2], 2)
        assert x == [1]
        """,
    ),
    honest(
        "children, pipes and exit codes",
        """
        import os
        def child(code):
            pid = os.fork()
            if pid == 0:
                os._exit(code)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert child(3) == 3
        """,
    ),
    honest(
        "servers and clients of its own",
        """
        import socket, threading
        def echoed(text):
            server = socket.create_server(('127.0.0.1', 0))
            def serve():
                connection, _ = server.accept()
                connection.sendall(connection.recv(100))
            threading.Thread(target=serve).start()
            with socket.create_connection(server.getsockname()) as client:
                client.sendall(text)
                return client.recv(100)
        assert echoed(b'x') == b'x'
        """,
    ),
)
