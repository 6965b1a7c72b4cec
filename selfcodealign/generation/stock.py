"""Which of many requests the journal has answers to, in some thirty bytes a request."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcodealign.generation.answer_keys import AnswerKeys
from selfcodealign.generation.early_ends import was_ended_early
from selfcodealign.generation.engine import Answer, Request
from selfcodealign.generation.request_plan import LazyRequests
from selfcodealign.journal import Journal
from selfcodealign.records import ID_HEX_DIGITS

# Keys that are looked up in one go: the journal may hold millions.
LOOKUP_BATCH = 2000


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer in the journal.

    Attributes:
        key: its key there.
        answer: the answer.
        took_ns: its share of the wall time of generation, nanoseconds; None: written by a version that did not record
            it.
    """

    key: str
    answer: Answer
    took_ns: int | None


class Stock:
    """A sequence of requests, and which of them the journal has answers to.

    That is found out as they are walked through: the first one that lacks its answer need not wait for the last one to
    be looked up. Requests are held a batch at a time.

    Attributes:
        num_stored: those that have turned out to be in the journal.
    """

    def __init__(self, requests: Sequence[Request], keys: AnswerKeys, journal: Journal) -> None:
        self._requests = requests
        self._keys_of = keys
        self._journal = journal
        self._keys = np.empty(len(requests), dtype=f"S{ID_HEX_DIGITS}")
        self._is_stored = np.zeros(len(requests), dtype=np.bool_)
        self.num_stored = 0

    def missing(self, *, is_dealt_out: bool) -> Iterator[Request]:
        """The requests without an answer, in the order in which they are to start; walks through all requests.

        Args:
            is_dealt_out: see `starting_order`.

        Raises:
            InputError: the journal is damaged.
        """
        order = starting_order(groups_of(self._requests), is_dealt_out=is_dealt_out)
        for start in range(0, len(order), LOOKUP_BATCH):
            part = order[start : start + LOOKUP_BATCH]
            batch = [self._requests[int(index)] for index in part]
            keys = [self._keys_of.of(request) for request in batch]
            wanted_whole = [key for key, request in zip(keys, batch, strict=True) if request.ends is None]
            found = known(keys, wanted_whole, self._journal)
            is_stored = [key in found for key in keys]
            self._keys[part] = keys
            self._is_stored[part] = is_stored
            self.num_stored += sum(is_stored)
            yield from (request for request, stored in zip(batch, is_stored, strict=True) if not stored)

    def stored(self) -> Iterator[tuple[int, Request, StoredAnswer]]:
        """Index, request and answer of those that the journal had when they were walked through, in their order.

        Raises:
            InputError: the journal is damaged.
        """
        indices = np.flatnonzero(self._is_stored)
        for start in range(0, len(indices), LOOKUP_BATCH):
            part = indices[start : start + LOOKUP_BATCH]
            found = stored_answers((key.decode() for key in self._keys[part]), self._journal)
            for index in part:
                yield int(index), self._requests[int(index)], found[self._keys[index].decode()]


def groups_of(requests: Sequence[Request]) -> NDArray[np.intp]:
    """The number of each request's group, shape (requests,); numbers are in the order of the groups' names."""
    if isinstance(requests, LazyRequests):
        return requests.groups()
    names = sorted({request.group for request in requests})
    number = {name: place for place, name in enumerate(names)}
    return np.array([number[request.group] for request in requests], dtype=np.intp)


def starting_order(groups: NDArray[np.intp], *, is_dealt_out: bool) -> NDArray[np.intp]:
    """The indices of requests in the order in which they are to start.

    Args:
        groups: the number of each request's group, shape (requests,).
        is_dealt_out: False: group by group, for one prefix cache; True: in turns from each group, so that several
            caches, each of which is home to some groups, all have work at any time.
    """
    by_group = np.argsort(groups, kind="stable")
    if not is_dealt_out:
        return by_group
    sorted_groups = groups[by_group]
    place_in_group = np.arange(len(groups)) - np.searchsorted(sorted_groups, sorted_groups)
    return by_group[np.argsort(place_in_group, kind="stable")]


def known(keys: Sequence[str], wanted_whole: Sequence[str], journal: Journal) -> set[str]:
    """Those keys whose answers the journal has. One that was cut short is none to who wants it whole.

    Raises:
        InputError: the journal is damaged.
    """
    present = journal.present(keys)
    for key, value in journal.get_many(key for key in wanted_whole if key in present).items():
        if was_ended_early(_answer(value, journal)):
            present.discard(key)
    return present


def stored_answers(keys: Iterable[str], journal: Journal) -> dict[str, StoredAnswer]:
    """The answers of those keys that the journal has.

    Raises:
        InputError: the journal is damaged.
    """
    timed = journal.get_timed(keys)
    return {key: StoredAnswer(key, _answer(value, journal), took_ns) for key, (value, took_ns) in timed.items()}


def _answer(value: Mapping[str, Any], journal: Journal) -> Answer:
    try:
        return Answer(**value)
    except TypeError as error:
        raise journal.damage(f"an answer with the fields {sorted(value)}") from error
