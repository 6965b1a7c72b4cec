"""Code reward: what the sandbox makes of sampled answers, as a number that a trainer can raise.

with CodeReward(SandboxSettings(limits=Limits(timeout_s=5.0))) as reward:
    GRPOTrainer(model, reward_funcs=reward, train_dataset=tasks_with_a_column_of_tests, ...).train()
"""

import ast
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from selfcodealign.errors import InputError
from selfcodealign.opened_answers import OPENING, code_end, whole_answer
from selfcodealign.program_text import as_program, closed_blocks, statements_of
from selfcodealign.records import Verdict, row_id
from selfcodealign.sandbox.pool import Submitted, open_sandbox
from selfcodealign.sandbox.settings import Program, SandboxSettings, Status
from selfcodealign.sandbox.survey import survey_outcomes, survey_program

RewardMode = Literal["share", "strict"]
Turn = str | Sequence[Mapping[str, Any]]
"""A prompt or a completion: text, or the messages of a chat."""

# The reward of an answer that passes every assertion in a survey, without the verdict `passed`. The program reports the
# survey's outcomes itself, so it can forge them; the full reward needs the verdict.
MAX_SHARE_REWARD = 0.9
# Verdicts that say that some assertions may hold and others do not. The others leave nothing to share out: the code
# does not compile, skips the tests, cannot be told from broken code, or exhausts a limit before the tests are decided.
PARTIAL = frozenset({Status.FAILED, Status.ERROR, Status.TIMEOUT})


class CodeReward:
    """Rewards answers by running their code with the tests of their task; a reward function for TRL's trainers.

    The sandbox opens at the first answer and stays open until `close`, or the end of the `with` block. Code never runs
    outside of it. Equal code with equal tests runs once.

    An instance is not for several threads.

    Args:
        settings: runtime and limits of the sandbox.
        mode: `strict`: 1 for the verdict `passed`, else 0. `share`: the same for `passed`; for an answer that fails,
            raises or takes too long, 0.9 times the share of the suite's assertions that it passes one at a time; else
            0. A suite with fewer than two assertions at its top level has no shares.

    Source: execution feedback as a reward, Le et al. 2022, "CodeRL" (arXiv 2207.01780); the share of passing tests as
    the reward, "AceCoder" (arXiv 2502.01718) and others.
    """

    def __init__(self, settings: SandboxSettings | None = None, mode: RewardMode = "share") -> None:
        self._judge = _Judge(settings or SandboxSettings())
        self._mode = mode
        self.__name__ = f"code_{mode}"  # TRL logs rewards under it

    def in_mode(self, mode: RewardMode) -> "CodeReward":
        """A reward of another mode that uses the same sandbox and knows the same verdicts."""
        other = CodeReward(mode=mode)
        other._judge = self._judge
        return other

    def __call__(self, prompts: Sequence[Turn], completions: Sequence[Turn], **columns: Any) -> list[float | None]:
        """Reward completions.

        Args:
            prompts: what each completion answers: text, or the messages of a chat. A prompt that ends with
                `opened_answers.OPENING` is an opened code block that the completion continues.
            completions: answers, as text or as the messages of a chat. An answer that continues an opened block, or
                begins with the opening itself, is code up to the first of `opened_answers.STOPS`. Any other answer is
                Markdown, and its Python blocks are the code. An answer without code gets 0.
            **columns: `tests` has the test suite of each prompt, Python source; other columns are ignored.

        Returns:
            For each completion a reward from 0 to 1. None: the sandbox failed on it after retries, or its task has no
            tests; TRL leaves such a completion out of its group.

        Raises:
            InputError: there is no column `tests`, or it is of another length.
            PrerequisiteError: the runtime is missing.
            SandboxError: the sandbox failed as a whole.
        """
        suites = columns.get("tests")
        if suites is None or not len(prompts) == len(completions) == len(suites):
            raise InputError(
                "CodeReward needs the column `tests` with one test suite per completion; add it to the data set"
            )
        trials = [
            (extracted_code(prompt, completion), tests or "")
            for prompt, completion, tests in zip(prompts, completions, suites, strict=True)
        ]
        rewards = self._judge.rewards(
            [(code, tests) for code, tests in trials if code and tests.strip()], self._mode == "share"
        )
        return [None if not tests.strip() else rewards.get((code, tests)) if code else 0.0 for code, tests in trials]

    def __enter__(self) -> "CodeReward":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox, of all modes that share it. The next call opens another one."""
        self._judge.close()


def extracted_code(prompt: Turn, completion: Turn) -> str | None:
    """The code of an answer, or None if it has none; see `CodeReward.__call__`."""
    text = text_of(completion)
    if text.startswith(OPENING):
        text = whole_answer(_up_to_stop(text.removeprefix(OPENING)))
    elif text_of(prompt).endswith(OPENING):
        text = whole_answer(_up_to_stop(text))
    return "\n\n".join(closed_blocks(text) or []) or None


def text_of(turn: Turn) -> str:
    """The text of a prompt or a completion; of a chat that of its last message."""
    if isinstance(turn, str):
        return turn
    content = turn[-1].get("content") if turn else None
    return content if isinstance(content, str) else ""


def single_tests(suite: str) -> list[str]:
    """The assertions at the top level of a test suite, each with the other statements before it; none if it is broken.

    Args:
        suite: Python source.
    """
    setup: list[str] = []
    tests: list[str] = []
    for statement in statements_of(suite):
        if isinstance(statement, ast.Assert):
            tests.append("\n".join([*setup, ast.unparse(statement)]))
        else:
            setup.append(ast.unparse(statement))
    return tests


def _up_to_stop(code: str) -> str:
    return code[: code_end(code)]


Trial = tuple[str, str]
"""Code and the test suite that it is tried with."""


class _Judge:
    """Verdicts and surveys of trials, from a sandbox that stays open; each trial is run once."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._programs: Submitted | None = None
        # By digest, since a training samples tens of thousands of answers: status, and share of passed assertions.
        self._statuses: dict[str, str] = {}
        self._shares: dict[str, float] = {}

    def rewards(self, trials: Sequence[Trial], has_shares: bool) -> dict[Trial, float | None]:
        """The reward of each trial; None where the sandbox failed.

        Args:
            trials: any, repetitions among them.
            has_shares: whether a partly passing trial gets a share.
        """
        keys = {trial: row_id(*trial) for trial in trials}
        verdicts = self._run({
            key: Program.of_code(key, as_program(*trial), trial[0])
            for trial, key in keys.items()
            if key not in self._statuses
        })  # fmt: skip
        self._statuses |= {
            key: verdict.status for key, verdict in verdicts.items() if verdict.status != Status.SANDBOX_ERROR
        }
        if has_shares:
            self._survey({trial: key for trial, key in keys.items() if self._statuses.get(key) in PARTIAL})
        return {trial: self._reward(key, has_shares) for trial, key in keys.items()}

    def _reward(self, key: str, has_shares: bool) -> float | None:
        if key not in self._statuses:
            return None
        if self._statuses[key] == Status.PASSED:
            return 1.0
        return MAX_SHARE_REWARD * self._shares.get(key, 0.0) if has_shares else 0.0

    def _survey(self, trials: Mapping[Trial, str]) -> None:
        """Find the shares of passed assertions that are not known yet."""
        suites = {
            trial: tests
            for trial, key in trials.items()
            if key not in self._shares and len(tests := single_tests(trial[1])) > 1
        }
        verdicts = self._run({
            trials[trial]: Program.of_code(trials[trial], survey_program(trial[0], tests), trial[0])
            for trial, tests in suites.items()
        })  # fmt: skip
        for trial, tests in suites.items():
            verdict = verdicts[trials[trial]]
            if verdict.status != Status.SANDBOX_ERROR:
                passed = survey_outcomes(verdict, trial[0], tests).count(True)
                self._shares[trials[trial]] = passed / len(tests)

    def _run(self, programs: Mapping[str, Program]) -> dict[str, Verdict]:
        """The verdict on each program, by its key."""
        if not programs:
            return {}
        if self._programs is None:
            # Entered once: the sandbox tests itself here, and not once per call.
            self._programs = self._stack.enter_context(
                self._stack.enter_context(open_sandbox(self._settings)).submitting()
            )
        verdicts: dict[str, Verdict] = {}
        try:
            keys = {self._programs.submit(program): key for key, program in programs.items()}
            while (ended := self._programs.next_verdict(wait=True)) is not None:
                verdicts[keys[ended[0]]] = ended[1]
        except BaseException:
            self.close()  # verdicts that nobody read would be taken for those of the next call
            raise
        return verdicts

    def close(self) -> None:
        self._programs = None
        self._stack.close()
