"""Wrong results: what the copies of broken code return, and what stands in for the expected value of a test.

A wrong result is lenient: attributes, calls, arithmetic and iteration work and give wrong results in turn, so that a
test dies of what it asserts and not of an operation on the way there.
"""

import cmath
import copy
import enum
import itertools
import numbers
from collections.abc import Callable, Generator, Iterator
from typing import Any

# Far from what tests expect, so that tolerances and ranges do not reach it.
# A prime: no multiple of what results may be reduced by.
FAR = 918_273_645_546_527
FAR_IN_ARRAYS = 918_273_647
WRONG_TEXT = "\0wrong"
LENGTH = 997  # an unlikely one, for which `list` can still reserve memory
_numbers = itertools.count(FAR)


class Wrong:
    """A result of the wrong type. `equal` decides whether it equals nothing or everything.

    One that equals nothing is true, and neither smaller nor larger than anything. One that equals everything is false,
    and both smaller and larger. Conditions that hold by their form, such as `[x]` or `x | True`, hold for both.
    """

    __slots__ = ("_equal", "_hash", "_is_method", "_num_left")

    def __init__(self, *, equal: bool, is_method: bool = False) -> None:
        self._equal = equal
        self._is_method = is_method
        self._num_left = 1
        self._hash = next(_numbers)

    def _same(self, *_: Any, **__: Any) -> "Wrong":
        return Wrong(equal=self._equal)

    def __bool__(self) -> bool:
        return self._is_method or not self._equal

    # What it does not equal may still equal it: then the other side decides, as for any object.
    def __eq__(self, other: object) -> Any:
        return True if self._equal else NotImplemented

    def __ne__(self, other: object) -> Any:
        return False if self._equal else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self._equal

    __le__ = __gt__ = __ge__ = __lt__

    def __hash__(self) -> int:
        return self._hash

    def __contains__(self, item: object) -> bool:
        return self._equal

    def __getattr__(self, name: str) -> "Wrong":
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Wrong(equal=self._equal, is_method=True)

    def __setattr__(self, name: str, value: object) -> None:
        if name in Wrong.__slots__:
            object.__setattr__(self, name, value)

    def __setitem__(self, key: object, value: object) -> None:
        """Take an item, and forget it."""

    def __or__(self, other: object) -> Any:
        return other or self._same()

    def __iter__(self) -> Iterator["Wrong"]:
        return iter((self._same(),))

    def __next__(self) -> "Wrong":
        if not self._num_left:
            raise StopIteration
        self._num_left -= 1
        return self._same()

    def __aiter__(self) -> "Wrong":
        return self

    async def __anext__(self) -> "Wrong":
        if not self._num_left:
            raise StopAsyncIteration
        self._num_left -= 1
        return self._same()

    def __await__(self) -> Generator[Any, None, "Wrong"]:
        yield from ()
        return self._same()

    async def __aenter__(self) -> "Wrong":
        return self._same()

    async def __aexit__(self, *_: object) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None

    def __len__(self) -> int:
        return LENGTH

    __index__ = __len__

    def __int__(self) -> int:
        return LENGTH

    __trunc__ = __round__ = __floor__ = __ceil__ = __int__

    def __float__(self) -> float:
        return float(FAR)

    def __complex__(self) -> complex:
        return complex(FAR)

    def __repr__(self) -> str:
        return f"<wrong {self._hash}>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bytes__(self) -> bytes:
        return repr(self).encode()

    __call__ = __getitem__ = __enter__ = __copy__ = __deepcopy__ = _same
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __matmul__ = __rmatmul__ = _same
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _same
    __divmod__ = __rdivmod__ = __pow__ = __rpow__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _same
    __and__ = __rand__ = __xor__ = __rxor__ = __neg__ = __pos__ = __abs__ = __invert__ = _same
    __ror__ = __or__


def unequal() -> Wrong:
    """A wrong result that equals nothing."""
    return Wrong(equal=False)


def equal() -> Wrong:
    """A wrong result that equals everything."""
    return Wrong(equal=True)


def nothing() -> None:
    """The wrong result of a function that does nothing."""
    return


MAKERS: dict[str, Callable[[], Any]] = {"unequal": unequal, "equal": equal, "nothing": nothing}


def wrong_expected(value: Any) -> Any:
    """A value that an honest result does not equal when it should equal `value`: of the same kind where possible."""
    change = CHANGES.get(type(value))
    if change is not None:
        return change(value)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _other_array(value)
    is_number = isinstance(value, numbers.Number)
    if is_number:  # Decimal, Fraction
        return value + FAR
    return unequal()


def near_expected(value: Any) -> Any:
    """A wrong value for an assertion with a tolerance: no sensible tolerance reaches it, a senseless one does."""
    if isinstance(value, (list, tuple)):
        return type(value)([near_expected(item) for item in value])
    return _near_number(value) if _is_finite_number(value) else wrong_expected(value)


def wrong_literal(value: Any, leaves: Iterator[bool], *, near: bool = False) -> Any:
    """The same for a value that a literal stands for; the result has a literal, too.

    Args:
        value: of the literal.
        leaves: for each value in it that is no container: whether it is to be wrong.
        near: as `near_expected`.
    """
    if isinstance(value, (list, tuple, set)) and value:
        return type(value)([wrong_literal(item, leaves, near=near) for item in value])
    if isinstance(value, dict) and value:
        return {key: wrong_literal(item, leaves, near=near) for key, item in value.items()}
    if not next(leaves):
        return value
    if near and _is_finite_number(value):
        return _near_number(value)
    if isinstance(value, (list, tuple, set, dict)):
        return {WRONG_TEXT: WRONG_TEXT} if isinstance(value, dict) else type(value)([WRONG_TEXT])
    change = CHANGES.get(type(value))
    return WRONG_TEXT if change is None else change(value)


def count_leaves(value: Any) -> int:
    """How many values that are no containers, or empty ones, a literal's value holds."""
    if isinstance(value, (list, tuple, set)) and value:
        return sum(map(count_leaves, value))
    if isinstance(value, dict) and value:
        return sum(map(count_leaves, value.values()))
    return 1


def _is_finite_number(value: Any) -> bool:
    return type(value) is int or (type(value) in (float, complex) and cmath.isfinite(value))


def _near_number(value: Any) -> Any:
    return value + 1 + abs(value) / 2


def _other_number(value: Any) -> Any:
    if not isinstance(value, int) and not cmath.isfinite(value):
        return 0.5
    moved = value + FAR
    return moved if moved != value else -value  # beyond the precision of a float


def _other_array(value: Any) -> Any:
    if value.dtype.kind in "iufc":
        return value + FAR_IN_ARRAYS
    if value.dtype.kind == "b":
        return ~value
    other = value.astype(object)
    for place in range(other.size):
        other.flat[place] = wrong_expected(other.flat[place])
    return other


CHANGES: dict[type, Callable[[Any], Any]] = {
    bool: lambda value: not value,
    int: _other_number,
    float: _other_number,
    complex: _other_number,
    str: lambda _: WRONG_TEXT,
    bytes: lambda _: WRONG_TEXT.encode(),
    list: lambda value: [wrong_expected(item) for item in value] or [unequal()],
    tuple: lambda value: tuple(wrong_expected(item) for item in value) or (unequal(),),
    set: lambda value: {wrong_expected(item) for item in value} or {unequal()},
    frozenset: lambda value: frozenset(wrong_expected(item) for item in value) or frozenset({unequal()}),
    dict: lambda value: {key: wrong_expected(item) for key, item in value.items()} or {unequal(): unequal()},
}


class Twin:
    """Has the hash of a value and does not equal it: it meets the value in a set or a dict, where hashes are compared.

    Args:
        value: must be hashable.
    """

    __slots__ = ("_hash",)

    def __init__(self, value: Any) -> None:
        self._hash = hash(value)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"<wrong {self._hash}>"


def twin(value: Any) -> Any:
    """A wrong value with the hash of a value; of one that has no hash any wrong value."""
    try:
        return Twin(value)
    except TypeError:
        return unequal()


def twins_inside(value: Any) -> Any:
    """A value with twins for the items of its sets and the keys of its dicts; a wrong value if there are none."""
    changed, count = _with_twins(value)
    return changed if count else unequal()


def _with_twins(value: Any) -> tuple[Any, int]:
    if type(value) in (set, frozenset):
        return type(value)(map(twin, value)), len(value)
    if isinstance(value, dict):
        return {twin(key): item for key, item in value.items()}, len(value)
    if type(value) in (list, tuple):
        changed = [_with_twins(item) for item in value]
        return type(value)([item for item, _ in changed]), sum(count for _, count in changed)
    return value, 0


def spoiled(*arguments: Any) -> Any:
    """The first argument that can be changed in place, filled with wrong values; without one, a wrong value."""
    for argument in arguments:
        if _is_spoiled(argument):
            return argument
    return unequal()


def _is_spoiled(value: Any) -> bool:
    if isinstance(value, list):
        value[:] = [FAR + (place ^ 1) for place in range(max(1, len(value)))]  # in no order
    elif isinstance(value, bytearray):
        value[:] = WRONG_TEXT.encode()
    elif isinstance(value, dict):
        value.update({key: unequal() for key in value} or {WRONG_TEXT: unequal()})
    elif isinstance(value, set):
        value.clear()
        value.add(unequal())
    elif hasattr(value, "dtype") and hasattr(value, "shape") and value.shape:
        value[...] = FAR_IN_ARRAYS
    else:
        return False
    return True


def fresh(value: Any) -> Any:
    """A copy of an input, so that changes of it in place reach nobody else; the input itself where it has none."""
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - an object that cannot be copied may raise anything
        return value


def unpacked(value: Any, count: int) -> Any:
    """A value that is unpacked into several names: a wrong result gives one wrong result per name."""
    if value is None or type(value) is Wrong:
        return [value if value is None else value() for _ in range(count)]
    return value


def each_unpacked(values: Any, count: int) -> Any:
    """Values of a loop that unpacks each of them; see `unpacked`."""
    return map(unpacked, [values] if values is None else values, itertools.repeat(count))


def new_instance(cls: Any) -> Any:
    """A fresh instance, by the first base class that makes one without arguments."""
    for base in cls.__mro__[1:]:
        try:
            return base.__new__(cls)
        except TypeError:
            continue
    return unequal()


class OtherError(Exception):
    """An exception that no program raises: what a test of an exception expects in a copy."""


class Scrambler:
    """Makes the instances of a class hold wrong values: what a class without methods of its own computes is its fields.

    Args:
        make: makes a wrong value.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __call__(self, fields: str) -> Callable[[Any], Any]:
        """The outermost decorator of a class.

        Args:
            fields: names that the class's own source gives to fields, separated by spaces.

        Returns:
            The decorator. What is not a class, or cannot be changed, stays as it is.
        """

        def scrambled(cls: Any) -> Any:
            if isinstance(cls, type):
                try:
                    self._scramble(cls, fields.split())
                except (TypeError, AttributeError, ValueError):
                    return cls
            return cls

        return scrambled

    def _scramble(self, cls: Any, fields: list[str]) -> None:
        make = self._make
        if issubclass(cls, enum.Enum):
            for member in cls:
                object.__setattr__(member, "_value_", make())
        elif issubclass(cls, tuple):
            for name in getattr(cls, "_fields", ()):
                setattr(cls, name, property(lambda _: make()))
            cls.__eq__ = lambda *_: bool(make() == 0)
            cls.__hash__ = lambda *_: FAR
        elif fields:
            plain = cls.__init__

            def initialize(this: Any, *args: Any, **kwargs: Any) -> None:
                plain(this, *args, **kwargs)
                if type(this) is cls:
                    _overwrite(this, fields, make)

            cls.__init__ = initialize


def _overwrite(instance: Any, fields: list[str], make: Callable[[], Any]) -> None:
    for name in fields:
        try:
            object.__getattribute__(instance, name)
            object.__setattr__(instance, name, make())
        except AttributeError:
            continue
