"""Honest programs that test code with mocks."""

from adversarial.program import honest

CASES = (
    honest(
        "mocks of time and of files",
        """
        import time
        from unittest import mock

        class Stopwatch:
            def __init__(self):
                self.started = time.monotonic()

            def lap(self):
                return time.monotonic() - self.started

        def count_lines(path):
            with open(path) as file:
                return sum(1 for _ in file)

        with mock.patch("time.monotonic", side_effect=[10.0, 12.5, 20.0]):
            watch = Stopwatch()
            assert watch.lap() == 2.5
            assert watch.lap() == 10.0
        with mock.patch("builtins.open", mock.mock_open(read_data="a\\nb\\nc\\n")) as opened:
            assert count_lines("some.txt") == 3
        opened.assert_called_once_with("some.txt")
        """,
    ),
    honest(
        "calls that a mock has received",
        """
        from unittest.mock import Mock, call

        class EventBus:
            def __init__(self):
                self.handlers = {}

            def on(self, name, handler):
                self.handlers.setdefault(name, []).append(handler)

            def emit(self, name, *data):
                handlers = self.handlers.get(name, [])
                for handler in handlers:
                    handler(*data)
                return len(handlers)

        handler = Mock()
        bus = EventBus()
        bus.on("save", handler)
        assert bus.emit("save", 1) == 1
        assert bus.emit("load") == 0
        bus.emit("save", 2, 3)
        assert handler.call_args_list == [call(1), call(2, 3)]
        """,
    ),
)
