"""Honest programs with generators, decorators, closures and variadic functions."""

from adversarial.program import honest

CASES = (
    honest(
        "a generator that is sent values",
        """
        def averager():
            total = count = 0
            average = None
            while True:
                value = yield average
                total += value
                count += 1
                average = total / count

        average = averager()
        assert next(average) is None
        assert average.send(10) == 10.0
        assert average.send(20) == 15.0
        """,
    ),
    honest(
        "a generator that returns a value and one that delegates",
        """
        def take_until(items, stop):
            count = 0
            for item in items:
                if item == stop:
                    return count
                count += 1
                yield item
            return -1

        def with_length(items, stop):
            length = yield from take_until(items, stop)
            yield ("length", length)

        assert list(with_length([5, 6, 0, 7], 0)) == [5, 6, ("length", 2)]
        assert list(with_length([1], 0)) == [1, ("length", -1)]
        """,
    ),
    honest(
        "decorators with arguments, stacked",
        """
        import functools

        def repeat(times):
            def decorate(function):
                @functools.wraps(function)
                def wrapper(*args, **kwargs):
                    return [function(*args, **kwargs) for _ in range(times)]
                return wrapper
            return decorate

        def joined(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return "-".join(function(*args, **kwargs))
            return wrapper

        @joined
        @repeat(times=3)
        def shout(word):
            return word.upper()

        assert shout("a") == "A-A-A"
        assert shout.__name__ == "shout"
        """,
    ),
    honest(
        "closures that share a variable",
        """
        def make_counter(start=0, step=1):
            value = start

            def increment():
                nonlocal value
                value += step
                return value

            def reset():
                nonlocal value
                value = start

            return increment, reset

        increment, reset = make_counter(10, 5)
        assert [increment(), increment()] == [15, 20]
        reset()
        assert increment() == 15
        """,
    ),
    honest(
        "a variadic function and keyword-only arguments",
        """
        def join(*parts, sep=", ", last=None, **wrap):
            parts = [str(part) for part in parts]
            if last is not None and len(parts) > 1:
                text = sep.join(parts[:-1]) + last + parts[-1]
            else:
                text = sep.join(parts)
            return wrap.get("before", "") + text + wrap.get("after", "")

        assert join(1, 2, 3, last=" and ") == "1, 2 and 3"
        assert join("a", "b", sep="/", before="<", after=">") == "<a/b>"
        assert join() == ""
        """,
    ),
)
