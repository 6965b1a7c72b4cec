"""Decontamination: which rows hold the text of an evaluated benchmark, and what exactly they hold.

Five looks at each row, from the plainest copy to a disguised one. Each has a least length, so that what every program
says (`return True`, an import, "given a list of integers") proves nothing.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from selfcodealign.curation.needles import Needles, character_hashes, contained, windows
from selfcodealign.curation.normalised_code import (
    NormalisedFunction,
    functions_of,
    normalised_functions,
    parse_python,
    python_modules,
)
from selfcodealign.curation.shingles import WORD, Hashes, Vocabulary
from selfcodealign.evaluation import BenchmarkText

SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
EXAMPLES = re.compile(r"^\s*(?:>>>|assert\b|(?:for )?examples?\b\s*\d*\s*:?|\[?(?:input|output)\b.*:)", re.I | re.M)
CODE_LINE = re.compile(r"\s*(?:>>>|def |class |assert )")
MATCHED_CHARACTERS = 200
MAX_TASKS = 4  # of a benchmark that may share a sentence or line: what more of them share is their form


class How(StrEnum):
    """The ways in which a row can hold a benchmark's text."""

    PROMPT_TEXT = "prompt_text"
    PROMPT_LINE = "prompt_line"
    SOLUTION_TEXT = "solution_text"
    NGRAM_OVERLAP = "ngram_overlap"
    SOLUTION_AST = "solution_ast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One benchmark task that one row holds, in one way.

    Attributes:
        id: id of the row.
        benchmark: name of the benchmark, such as `humaneval_plus`.
        task_id: id of the task in it.
        how: `prompt_text` (a sentence of the description, as lower-case words), `prompt_line` (a signature, doctest or
            assertion of the prompt, whitespace aside), `solution_text` (the body of the solution, whitespace aside),
            `ngram_overlap` (a large share of the word n-grams of description or solution) or `solution_ast` (a
            function equal to the solution but for names, layout, comments, docstring and annotations).
        matched: what matched, one line of at most 200 characters.
    """

    id: str
    benchmark: str
    task_id: str
    how: How
    matched: str

    @property
    def described(self) -> str:
        """What was found, on one line: benchmark, task, way and match."""
        return f"{self.benchmark} {self.task_id}: {self.how.value}: {self.matched}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecontaminationSettings:
    """Least lengths of a match.

    Attributes:
        min_sentence_words: words of a sentence of a description.
        min_line_chars: characters, without whitespace, of a code line of a prompt.
        min_solution_chars: characters, without whitespace, of a solution's body.
        ngram: words of an n-gram.
        min_ngrams: n-grams that description or solution shares with the row.
        min_ngram_share: share of the n-grams of description or solution that the row holds, above 0 to 1.
        prose_ngram: the same for shorter n-grams of descriptions alone: some changed words leave a short description no
            long n-gram; in code, short ones are common.
        min_prose_ngrams: of these that description shares with the row.
        min_prose_share: of these the share that the row holds, above 0 to 1.
        min_ast_nodes: syntax nodes of a solution's function or class.
        min_nested_ast_nodes: syntax nodes of a method, or of a function inside another; short ones are alike.

    Raises:
        ValueError: a length is out of range.
    """

    min_sentence_words: int = 8
    min_line_chars: int = 40
    min_solution_chars: int = 60
    ngram: int = 10
    min_ngrams: int = 4
    min_ngram_share: float = 0.5
    prose_ngram: int = 5
    min_prose_ngrams: int = 8
    min_prose_share: float = 0.6
    min_ast_nodes: int = 12
    min_nested_ast_nodes: int = 40

    def __post_init__(self) -> None:
        if not 0.0 < self.min_ngram_share <= 1.0 or self.ngram < 1 or self.min_ngrams < 1:
            raise ValueError(f"ngram {self.ngram}, {self.min_ngrams} or share {self.min_ngram_share} is out of range")


@dataclass(frozen=True, slots=True)
class _Source:
    """What a needle comes from: the task, the way of finding it, and the text to show for it."""

    benchmark: str
    task_id: str
    how: How
    text: str


class Decontaminator:
    """The benchmarks' texts, indexed once; the time for a row does not depend on the number of tasks."""

    def __init__(self, benchmarks: Iterable[BenchmarkText], settings: DecontaminationSettings | None = None) -> None:
        """Index the texts.

        Args:
            benchmarks: one entry a task.
            settings: least lengths of a match; None for the defaults.
        """
        self._settings = settings or DecontaminationSettings()
        self._vocabulary = Vocabulary()
        self._sentences: Needles[_Source] = Needles(self._settings.min_sentence_words)
        self._code: Needles[_Source] = Needles(min(self._settings.min_line_chars, self._settings.min_solution_chars))
        self._functions: dict[str, list[_Source]] = {}
        chosen = self._settings
        self._overlaps = _Overlaps(chosen.ngram, chosen.min_ngrams, chosen.min_ngram_share)
        self._prose = _Overlaps(chosen.prose_ngram, chosen.min_prose_ngrams, chosen.min_prose_share)
        for entry in benchmarks:
            self._add(entry)

    def hits(self, row_id: str, text: str) -> list[Hit]:
        """The benchmark tasks whose text a row holds.

        Args:
            row_id: id of the row.
            text: all of its text: task, response in Markdown, tests.

        Returns:
            At most one hit for a task and a way (the longest match), ordered by benchmark, task and way.
        """
        words = tuple(words_in(text))
        hashes = self._vocabulary.hashes(words)
        squeezed = squeeze(text)
        found = itertools.chain(
            _found(self._sentences, words, hashes),
            _found(self._code, squeezed, character_hashes(squeezed)),
            self._overlaps.find(hashes),
            self._prose.find(hashes),
            self._equal_functions(text),
        )
        longest: dict[tuple[str, str, How], str] = {}
        for source in found:
            key = (source.benchmark, source.task_id, source.how)
            longest[key] = max(longest.get(key, ""), source.text, key=lambda shown: (len(shown), shown))
        return [
            Hit(id=row_id, benchmark=benchmark, task_id=task_id, how=how, matched=_one_line(shown))
            for (benchmark, task_id, how), shown in sorted(longest.items())
        ]

    def _add(self, entry: BenchmarkText) -> None:
        description = describe(entry.docstring or entry.prompt)
        for sentence in _sentences(description):
            self._add_sentence(sentence, _source(entry, How.PROMPT_TEXT, sentence))
        for line in filter(CODE_LINE.match, entry.prompt.splitlines()):
            self._add_code(line, self._settings.min_line_chars, _source(entry, How.PROMPT_LINE, line))
        solution = _source(entry, How.SOLUTION_TEXT, entry.solution)
        self._add_code(entry.solution, self._settings.min_solution_chars, solution)
        for text, overlaps in (
            (description, self._overlaps),
            (entry.solution, self._overlaps),
            (description, self._prose),
        ):
            overlaps.add(self._vocabulary.hashes(words_in(text)), _source(entry, How.NGRAM_OVERLAP, text))
        for function in _solution_functions(entry):
            least = self._settings.min_nested_ast_nodes if function.is_nested else self._settings.min_ast_nodes
            if function.num_nodes >= least:
                source = _source(entry, How.SOLUTION_AST, f"function {function.name}")
                self._functions.setdefault(function.key, []).append(source)

    def _add_sentence(self, sentence: str, source: _Source) -> None:
        words = tuple(words_in(sentence))
        # Rows of numbers, as in examples of inputs, are no sentences: they occur in honest code.
        is_prose = 2 * sum(word.isalpha() for word in words) >= len(words)
        if is_prose and len(words) >= self._settings.min_sentence_words:
            self._sentences.add(words, self._vocabulary.hashes(words), source)

    def _add_code(self, code: str, least: int, source: _Source) -> None:
        squeezed = squeeze(code)
        if len(squeezed) >= least:
            self._code.add(squeezed, character_hashes(squeezed), source)

    def _equal_functions(self, text: str) -> Iterator[_Source]:
        for module in python_modules(text):
            for function in functions_of(module):
                for source in self._functions.get(function.key, ()):
                    yield replace(source, text=f"{source.text} (here {function.name})")


class _Overlaps:
    """Texts by the hashes of their word n-grams, and which of them a row holds a large share of."""

    def __init__(self, size: int, least: int, share: float) -> None:
        self._size = size
        self._least = least
        self._share = share
        self._ngrams: dict[int, list[int]] = {}
        self._sources: list[tuple[_Source, int]] = []
        self._keys: Hashes | None = None

    def add(self, hashes: Hashes, source: _Source) -> None:
        """Index a text by the hashes of its words."""
        ngrams = np.unique(windows(hashes, self._size)).tolist()
        for ngram in ngrams:
            self._ngrams.setdefault(ngram, []).append(len(self._sources))
        self._sources.append((source, len(ngrams)))
        self._keys = None

    def find(self, hashes: Hashes) -> Iterator[_Source]:
        """The sources whose n-grams a row holds, by the hashes of its words."""
        if self._keys is None:
            self._keys = np.sort(np.fromiter(self._ngrams, np.uint64, len(self._ngrams)))
        ngrams = windows(hashes, self._size)
        shared: Counter[int] = Counter()
        for ngram in set(ngrams[contained(ngrams, self._keys)].tolist()):
            shared.update(self._ngrams[ngram])
        for index, count in shared.items():
            source, total = self._sources[index]
            if count >= self._least and count >= self._share * total:
                yield replace(source, text=f"{count} of {total} {self._size}-grams of: {source.text}")


def _found(needles: Needles[_Source], items: Sequence[str], hashes: Hashes) -> Iterator[_Source]:
    """The sources of the needles in a text, but for what many tasks of a benchmark share: it names none of them."""
    for needle in needles.find(items, hashes):
        tasks = Counter(benchmark for benchmark, _ in {(source.benchmark, source.task_id) for source in needle.sources})
        yield from (source for source in needle.sources if tasks[source.benchmark] <= MAX_TASKS)


def decontaminate(
    rows: Iterable[tuple[str, str]],
    benchmarks: Iterable[BenchmarkText],
    settings: DecontaminationSettings | None = None,
) -> Iterator[Hit]:
    """Find the rows that hold the text of a benchmark, in one pass and bounded memory.

    Args:
        rows: id and text of each row.
        benchmarks: the benchmarks' texts, one entry a task.
        settings: least lengths of a match; None for the defaults.

    Yields:
        The hits, in the order of the rows; a clean row has none.

    Source: SelfCodeAlign, section 3 (substring decontamination), deepened by n-grams and syntax trees.
    """
    decontaminator = Decontaminator(benchmarks, settings)
    for row_id, text in rows:
        yield from decontaminator.hits(row_id, text)


def words_in(text: str) -> list[str]:
    """The lower-case words of a text."""
    return WORD.findall(text.lower())


def squeeze(text: str) -> str:
    """A text without any whitespace, so that layout does not hide a copy."""
    return "".join(text.split())


def describe(text: str) -> str:
    """The description in a docstring or prompt in words: what stands before its first example."""
    return EXAMPLES.split(text, maxsplit=1)[0].strip().strip("\"'").strip()


def _sentences(description: str) -> Iterator[str]:
    for sentence in SENTENCE_END.split(description):
        yield " ".join(sentence.split())


def _solution_functions(entry: BenchmarkText) -> list[NormalisedFunction]:
    """Functions of the solution, whether it is a whole function or only the body that follows the prompt."""
    module = parse_python(entry.solution) if not entry.solution[:1].isspace() else None
    return normalised_functions(entry.solution if module is not None else entry.prompt + entry.solution)


def _source(entry: BenchmarkText, how: How, text: str) -> _Source:
    return _Source(entry.benchmark, entry.task_id, how, text)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MATCHED_CHARACTERS else f"{line[: MATCHED_CHARACTERS - 3]}..."
