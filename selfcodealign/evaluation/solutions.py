"""Solutions: a benchmark's tasks become prompts, answers become programs that can be scored."""

import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from selfcodealign.evaluation.benchmarks import Benchmark, Task
from selfcodealign.evaluation.samples import Sample
from selfcodealign.generation import Decoding, Generation, PromptFormat, Request, Usage
from selfcodealign.opened_answers import COMPLETION_REQUEST, OPENING, STOPS
from selfcodealign.program_text import has_comment
from selfcodealign.records import derived_seed

# A base model writes on behind the function: what starts at the left margin and is no part of a solution ends it.
COMPLETION_STOPS = {
    "humaneval": (
        "\ndef ",
        "\nclass ",
        "\nimport ",
        "\nfrom ",
        "\nassert ",
        "\nprint(",
        "\nif __name__",
        "\n#",
        "\n```",
    ),
    "mbpp": ('\n"""', "\nassert ", "\nprint(", "\nif __name__", "\n#", "\n```"),
}
INSTRUCTIONS = {
    "humaneval": COMPLETION_REQUEST,
    "mbpp": (
        "Solve this task in Python; the assertion shows name and use of the function. Reply with one Python code block"
        " that holds the whole function and every import that it needs, without tests."
    ),
}
BEGUN_INSTRUCTION = "Complete the Python function that your answer begins with, as its docstring says, without tests."

Opening = Literal["block", "stub"]
Ask = Callable[[Sequence[Request], Decoding], Generation]


@dataclass(frozen=True, slots=True, kw_only=True)
class SolutionSet:
    """One solution per task, or several.

    Attributes:
        samples: the solutions by task, in the order of the benchmark; where the engine did not answer, the solution is
            empty, and fails.
        opening: how the answers began: `stub` only where the benchmark and the prompt form have one to begin with.
        usage: what generation cost.
        num_cut_short: answers that used up their tokens.
        mean_output_tokens: mean length of an answer in generated tokens, answers from the journal included; None if
            nothing was answered.
        num_commented: answers with a comment.
        num_unanswered: requests that the engine did not take.
    """

    samples: list[Sample]
    opening: Opening
    usage: Usage
    num_cut_short: int
    mean_output_tokens: float | None
    num_commented: int
    num_unanswered: int


def generate_solutions(
    benchmark: Benchmark,
    task_ids: Sequence[str],
    *,
    prompt_format: PromptFormat,
    opening: Opening,
    max_new_tokens: int,
    num_samples: int,
    temperature: float,
    seed: int,
    ask: Ask,
) -> SolutionSet:
    """Generate solutions for the tasks of a benchmark.

    Source: SelfCodeAlign, section 4 (greedy decoding, pass@1); Chen et al. 2021, "Evaluating Large Language Models
    Trained on Code" (several samples per task, pass@k). An opened code block is EvalPlus's layout and the
    reference's default; the reference offers the stub in it as well (`PREFIX_TEMPLATE` of its evaluation script).

    Args:
        benchmark: gives the tasks.
        task_ids: which of them.
        prompt_format: chat template, or plain completion of the prompt for base models.
        opening: how a chat model's answer begins: see `task_prompt`.
        max_new_tokens: tokens of a solution at most.
        num_samples: solutions per task.
        temperature: sampling temperature; 0 is greedy, which draws nothing: the seed does not matter.
        seed: the run's seed; each sample has its own, derived from this one, the task and the sample's number, so two
            models are sampled with the same seeds.
        ask: the engine: requests and decoding in, answers out.
    """
    family = _family(benchmark)
    begun = prompt_format.is_chat and _opens_with_stub(opening, family)
    has_stub = begun or not prompt_format.is_chat
    decoding = Decoding(
        temperature=temperature,
        top_p=1.0,
        max_new_tokens=max_new_tokens,
        stop=STOPS if prompt_format.is_chat else COMPLETION_STOPS[family],
    )
    requests = [
        Request(
            id=_sample_id(task_id, number),
            prompt=task_prompt(benchmark.tasks[task_id], family, prompt_format, opening),
            seed=derived_seed(seed, "solution", task_id, number),
            group=family,
        )
        for task_id in task_ids
        for number in range(num_samples)
    ]
    generation = ask(requests, decoding)
    lengths = [answer.output_tokens for answer in generation.answers.values()]
    samples = [
        Sample(task_id, as_solution(benchmark.tasks[task_id], answer.text, has_stub=has_stub))
        if (answer := generation.answers.get(_sample_id(task_id, number)))
        else Sample(task_id, "")
        for task_id in task_ids
        for number in range(num_samples)
    ]
    return SolutionSet(
        samples=samples,
        opening="stub" if begun else "block",
        usage=generation.usage,
        num_cut_short=sum(answer.finish_reason == "length" for answer in generation.answers.values()),
        mean_output_tokens=statistics.fmean(lengths) if lengths else None,
        num_commented=sum(has_comment(answer.text) for answer in generation.answers.values()),
        num_unanswered=len(generation.rejections),
    )


def task_prompt(task: Task, family: str, prompt_format: PromptFormat, opening: Opening) -> str:
    """The text that the model reads for a task.

    Args:
        task: the task.
        family: `humaneval` or `mbpp`.
        prompt_format: a chat template gets the task as a user turn and an answer that has begun; a base model gets the
            prompt itself and goes on.
        opening: what that answer has: `block`, an opened code block; `stub`, also HumanEval's imports, signature and
            docstring in it, so that the model neither reads them twice nor writes them (MBPP has no stub: as `block`).
    """
    stub = task["prompt"].strip()
    if not prompt_format.is_chat:
        return f"{prompt_format.begin}{stub}\n"
    if _opens_with_stub(opening, family):
        turn = {"role": "user", "content": BEGUN_INSTRUCTION}
        return prompt_format.render([turn], assistant_prefix=f"{OPENING}{stub}\n")
    # MBPP's prompt is a module docstring: the quotation marks only matter for completion.
    shown = f"```python\n{stub}\n```" if family == "humaneval" else stub.strip('"').strip()
    turn = {"role": "user", "content": f"{INSTRUCTIONS[family]}\n\n{shown}"}
    return prompt_format.render([turn], assistant_prefix=OPENING)


def as_solution(task: Task, answer: str, *, has_stub: bool) -> str:
    """The program in an answer, reduced by EvalPlus to imports, the asked function and what it uses.

    Args:
        task: the task.
        answer: what follows the task's stub, or the opened code block.
        has_stub: which of the two.
    """
    from evalplus.sanitize import sanitize

    code = f"{task['prompt'].strip()}\n{answer}" if has_stub else first_block(answer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return str(sanitize(code, task["entry_point"]))
    except (ValueError, RecursionError):
        return code  # too odd for the parser (a null byte, endless brackets): scored as it stands, and fails


def first_block(answer: str) -> str:
    """The first code block of an answer that goes on inside one.

    A model may open the block a second time, or say something first: then the block that it opens itself counts.
    """
    head, fence, rest = answer.partition("```")
    if not fence or head.strip():
        return head
    return rest.removeprefix("python").partition("```")[0]


def _sample_id(task_id: str, number: int) -> str:
    return f"{task_id}#{number}"


def _opens_with_stub(opening: Opening, family: str) -> bool:
    return opening == "stub" and family == "humaneval"


def _family(benchmark: Benchmark) -> str:
    return "mbpp" if benchmark.info.variant == "mbpp_plus" else "humaneval"
