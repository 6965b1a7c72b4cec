"""The few-shot exemplars: one Markdown file each in `exemplars/`, and the fixed sets that prompts share.

A file holds one worked example of all three steps: a seed with its concepts (S->C), the task that the concepts inspired
(C->I), the answer with its tests (I->R). Source: SelfCodeAlign (arXiv 2410.24198), section 3, for the steps and the
categories; the exemplars are our own, and short, since the model reads them in every prompt.
"""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from selfcodealign.errors import InputError
from selfcodealign.records import row_id

CATEGORIES = ("function", "class", "program")
DIFFICULTIES = ("easy", "medium", "hard")

_FRONT_MATTER_KEYS = {"category", "difficulty", "concepts"}
_BLOCK = r"```python\n(?:(?!```).)+\n```"
_FILE = re.compile(
    r"---\n(?P<front_matter>.+?)\n---\n"
    rf"### Seed\n(?P<seed>{_BLOCK})\n"
    r"### Instruction\n(?P<instruction>(?:(?!```|### ).)+)\n"
    r"### Response\n(?P<response>(?:(?!### ).)+)\n"
    rf"### Tests\n(?P<tests>{_BLOCK})\n",
    re.DOTALL,
)
_RESPONSE = re.compile(rf"(?:(?!```).)*\w(?:(?!```).)*\n(?P<code>{_BLOCK})(?:(?!```).)*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """One worked example of the three generation steps.

    Attributes:
        name: the file's name without its ending.
        category: function, class or program.
        difficulty: easy, medium or hard.
        concepts: programming concepts of the seed, from general to specific.
        seed: source of the seed function, without a fence.
        instruction: the task, one paragraph.
        response: the answer in Markdown, with its one code block, without the tests.
        code: source in the answer's code block.
        tests: source of the tests, plain assertions on the names of `code`.
    """

    name: str
    category: str
    difficulty: str
    concepts: tuple[str, ...]
    seed: str
    instruction: str
    response: str
    code: str
    tests: str


def load_exemplars(folder: Traversable | None = None) -> tuple[Exemplar, ...]:
    """Read all exemplars of a folder, in the order of their file names.

    Args:
        folder: a folder of `.md` files; None: the exemplars that this package ships.

    Raises:
        InputError: there are no exemplars, or a file does not have the format; the message names the file.
    """
    folder = resources.files("selfcodealign.generation") / "exemplars" if folder is None else folder
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder of exemplars; reinstall the package")
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".md")), key=lambda entry: entry.name)
    if not files:
        raise InputError(f"{folder} has no exemplars (*.md); reinstall the package")
    return tuple(parse_exemplar(file.name, _read(file)) for file in files)


def parse_exemplar(file_name: str, text: str) -> Exemplar:
    """Parse one exemplar file, strictly.

    Args:
        file_name: the name that messages show; without `.md` it is the exemplar's name.
        text: front matter (category, difficulty, concepts), then the sections Seed, Instruction, Response and Tests.

    Raises:
        InputError: a section or key is missing, unknown or out of order, a code block is no valid Python, or the
            tests assert nothing.
    """
    sections = _FILE.fullmatch(text)
    if sections is None:
        raise InputError(
            f"exemplar {file_name}: needs front matter, then exactly the sections ### Seed, ### Instruction, "
            "### Response and ### Tests, with one ```python block in Seed and in Tests"
        )
    response = _RESPONSE.fullmatch(sections["response"])
    if response is None:
        raise InputError(f"exemplar {file_name}: Response needs a sentence, then exactly one ```python block")
    front_matter = _front_matter(file_name, sections["front_matter"])
    exemplar = Exemplar(
        name=file_name.removesuffix(".md"),
        category=front_matter["category"],
        difficulty=front_matter["difficulty"],
        concepts=tuple(front_matter["concepts"]),
        seed=_inside(sections["seed"]),
        instruction=sections["instruction"].strip(),
        response=sections["response"].strip(),
        code=_inside(response["code"]),
        tests=_inside(sections["tests"]),
    )
    for section in ("seed", "code", "tests"):
        _check_python(file_name, section, getattr(exemplar, section))
    return exemplar


def exemplar_sets(
    exemplars: Sequence[Exemplar], num_sets: int, num_exemplars: int, seed: int
) -> tuple[tuple[Exemplar, ...], ...]:
    """Deal fixed sets of exemplars that requests share, so that the engine's prefix cache holds their prompts.

    All exemplars are dealt out before any is dealt again, and each next one is of the category and difficulty that
    lag most behind their share of all exemplars, in the set and in the round. So sets are balanced as far as their
    size allows, they do not overlap as long as there are enough exemplars, and more sets leave the earlier ones as
    they are.

    Args:
        exemplars: what to deal from.
        num_sets: number of sets.
        num_exemplars: exemplars in each set, all different.
        seed: the run's seed; the same seed gives the same sets.

    Returns:
        `num_sets` tuples of `num_exemplars` exemplars, in the order in which a prompt shows them.

    Raises:
        InputError: a number is below 1, or a set would need more exemplars than there are.
    """
    if num_sets < 1:
        raise InputError(f"num_exemplar_sets = {num_sets}: must be at least 1")
    if not 1 <= num_exemplars <= len(exemplars):
        raise InputError(f"num_exemplars = {num_exemplars}: must be from 1 to {len(exemplars)}, which is all there are")
    sets: list[tuple[Exemplar, ...]] = []
    left: list[Exemplar] = []
    num_rounds = 0
    while len(sets) < num_sets:
        chosen: list[Exemplar] = []
        while len(chosen) < num_exemplars:
            if not left:
                left = _shuffled(exemplars, seed, num_rounds)
                num_rounds += 1
            following = _most_lagging(exemplars, left, chosen)
            left.remove(following)
            chosen.append(following)
        sets.append(tuple(chosen))
    return tuple(sets)


def _shuffled(exemplars: Sequence[Exemplar], seed: int, round_index: int) -> list[Exemplar]:
    return sorted(exemplars, key=lambda exemplar: row_id(seed, "exemplars", round_index, exemplar.name))


def _most_lagging(exemplars: Sequence[Exemplar], left: Sequence[Exemplar], chosen: Sequence[Exemplar]) -> Exemplar:
    """The first exemplar left in this round, not in the set yet, whose traits lag most in the set and in the round."""
    total = len(exemplars)
    in_all, in_left, in_set = (Counter(t for e in group for t in _traits(e)) for group in (exemplars, left, chosen))
    num_due_in_set, num_due_in_round = len(chosen) + 1, total - len(left) + 1

    def lag(exemplar: Exemplar) -> int:
        # Dealt is to be share x due with share = in_all / total: compared in whole numbers, times total.
        return sum(
            in_all[trait] * (num_due_in_set + num_due_in_round)
            - total * (in_set[trait] + in_all[trait] - in_left[trait])
            for trait in _traits(exemplar)
        )

    return max((exemplar for exemplar in left if exemplar not in chosen), key=lag)


def _traits(exemplar: Exemplar) -> tuple[object, ...]:
    return (exemplar.category, exemplar.difficulty, (exemplar.category, exemplar.difficulty))


def _read(file: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"exemplar {file.name}: cannot be read as UTF-8 text ({error})") from error


def _front_matter(file_name: str, text: str) -> dict[str, Any]:
    try:
        values: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(
            f"exemplar {file_name}: bad YAML in its front matter: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(values, dict) or set(values) != _FRONT_MATTER_KEYS:
        raise InputError(
            f"exemplar {file_name}: front matter must have the keys category, difficulty, concepts, no others"
        )
    for key, known in (("category", CATEGORIES), ("difficulty", DIFFICULTIES)):
        if values[key] not in known:
            raise InputError(f"exemplar {file_name}: {key} = {values[key]!r} is not one of {', '.join(known)}")
    concepts = values["concepts"]
    if not isinstance(concepts, list) or not concepts or not all(isinstance(item, str) for item in concepts):
        raise InputError(f"exemplar {file_name}: concepts must be a list of phrases, such as [recursion, sorting]")
    return values


def _inside(block: str) -> str:
    return block.removeprefix("```python\n").removesuffix("\n```")


def _check_python(file_name: str, section: str, source: str) -> None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise InputError(f"exemplar {file_name}: {section} is no valid Python: {error}") from error
    if section == "tests" and not any(isinstance(statement, ast.Assert) for statement in tree.body):
        raise InputError(f"exemplar {file_name}: its tests have no assert statement at the top level")
