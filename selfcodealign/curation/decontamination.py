"""Decontamination: which rows hold the text of an evaluated benchmark, and what exactly they hold.

Five looks at each row, from the plainest copy to a disguised one. Each has a least length, so that what every program
says (`return True`, an import, "given a list of integers") proves nothing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from selfcodealign.curation.normalised_code import NormalisedFunction, normalised_functions, parse_python, python_blocks
from selfcodealign.evaluation import BenchmarkText

WORD = re.compile(r"\w+")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")
EXAMPLES = re.compile(r"^\s*(?:>>>|assert\b|(?:for )?examples?\b\s*\d*\s*:?|\[?(?:input|output)\b.*:)", re.I | re.M)
CODE_LINE = re.compile(r"\s*(?:>>>|def |class |assert )")
MATCHED_CHARACTERS = 200


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
        min_ast_nodes: syntax nodes of a solution's function.
    """

    min_sentence_words: int = 8
    min_line_chars: int = 40
    min_solution_chars: int = 60
    ngram: int = 10
    min_ngrams: int = 4
    min_ngram_share: float = 0.5
    min_ast_nodes: int = 12


@dataclass(frozen=True, slots=True)
class _Source:
    """What a needle comes from: the task, and the text to show for it."""

    benchmark: str
    task_id: str
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
        self._sentences = _Needles(self._settings.min_sentence_words)
        self._lines = _Needles(self._settings.min_line_chars)
        self._solutions = _Needles(self._settings.min_solution_chars)
        self._functions: dict[str, list[_Source]] = {}
        self._ngrams: dict[tuple[str, ...], set[int]] = {}
        self._ngram_sources: list[tuple[_Source, int]] = []
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
        words = tuple(WORD.findall(text.lower()))
        squeezed = squeeze(text)
        found = {
            How.PROMPT_TEXT: self._sentences.find(words),
            How.PROMPT_LINE: self._lines.find(squeezed),
            How.SOLUTION_TEXT: self._solutions.find(squeezed),
            How.NGRAM_OVERLAP: self._overlapping(words),
            How.SOLUTION_AST: self._equal_functions(text),
        }
        longest: dict[tuple[str, str, How], str] = {}
        for how, sources in found.items():
            for source in sources:
                key = (source.benchmark, source.task_id, how)
                longest[key] = max(longest.get(key, ""), source.text, key=lambda shown: (len(shown), shown))
        return [
            Hit(id=row_id, benchmark=benchmark, task_id=task_id, how=how, matched=_one_line(shown))
            for (benchmark, task_id, how), shown in sorted(longest.items())
        ]

    def _add(self, entry: BenchmarkText) -> None:
        description = describe(entry.docstring or entry.prompt)
        for sentence in _sentences(description):
            self._sentences.add(tuple(WORD.findall(sentence.lower())), _source(entry, sentence))
        for line in filter(CODE_LINE.match, entry.prompt.splitlines()):
            self._lines.add(squeeze(line), _source(entry, line))
        self._solutions.add(squeeze(entry.solution), _source(entry, entry.solution))
        self._add_ngrams(entry, description)
        self._add_ngrams(entry, entry.solution)
        for function in _solution_functions(entry):
            if function.num_nodes >= self._settings.min_ast_nodes:
                self._functions.setdefault(function.key, []).append(_source(entry, f"function {function.name}"))

    def _add_ngrams(self, entry: BenchmarkText, text: str) -> None:
        ngrams = set(self._ngrams_of(tuple(WORD.findall(text.lower()))))
        for ngram in ngrams:
            self._ngrams.setdefault(ngram, set()).add(len(self._ngram_sources))
        self._ngram_sources.append((_source(entry, text), len(ngrams)))

    def _ngrams_of(self, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        size = self._settings.ngram
        return (words[start : start + size] for start in range(len(words) - size + 1))

    def _overlapping(self, words: tuple[str, ...]) -> Iterator[_Source]:
        shared: Counter[int] = Counter()
        for ngram in self._ngrams.keys() & set(self._ngrams_of(words)):
            shared.update(self._ngrams[ngram])
        for index, count in shared.items():
            source, total = self._ngram_sources[index]
            if count >= self._settings.min_ngrams and count >= self._settings.min_ngram_share * total:
                shown = f"{count} of {total} {self._settings.ngram}-grams of: {source.text}"
                yield _Source(source.benchmark, source.task_id, shown)

    def _equal_functions(self, text: str) -> Iterator[_Source]:
        for block in python_blocks(text):
            for function in normalised_functions(block):
                for source in self._functions.get(function.key, ()):
                    yield _Source(source.benchmark, source.task_id, f"{source.text} (here {function.name})")


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


def _source(entry: BenchmarkText, text: str) -> _Source:
    return _Source(entry.benchmark, entry.task_id, text)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MATCHED_CHARACTERS else f"{line[: MATCHED_CHARACTERS - 3]}..."


class _Needles:
    """Sequences (of words, or of characters) to be found inside a longer one, indexed by their first `size` items."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._by_start: dict[Sequence[str], dict[Sequence[str], list[_Source]]] = {}

    def add(self, needle: Sequence[str], source: _Source) -> None:
        """Index a needle; one that is too short to prove anything is left out."""
        if len(needle) >= self._size:
            self._by_start.setdefault(needle[: self._size], {}).setdefault(needle, []).append(source)

    def find(self, haystack: Sequence[str]) -> Iterator[_Source]:
        """The sources of the needles that occur in `haystack` without a gap."""
        for start in range(len(haystack) - self._size + 1):
            for needle, sources in self._by_start.get(haystack[start : start + self._size], {}).items():
                if haystack[start : start + len(needle)] == needle:
                    yield from sources
