"""pass@k, its confidence interval, and the paired comparison of two models."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selfcodealign.errors import InputError

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two models on the same tasks.

    Attributes:
        num_tasks: tasks that both were scored on.
        only_base: tasks that only the first model passes (b of McNemar's table).
        only_aligned: tasks that only the second model passes (c of McNemar's table).
        p_value: of the exact two-sided test of "both are as likely to be the only one that passes".
    """

    num_tasks: int
    only_base: int
    only_aligned: int
    p_value: float


def pass_at_k(num_samples: int, num_passed: int, k: int) -> float:
    """The probability that at least one of `k` samples, drawn without replacement from those of a task, passes.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code", equation 1: 1 - C(n-c, k) / C(n, k),
    here with exact integers.

    Args:
        num_samples: samples of the task, n; at least `k`.
        num_passed: those that pass, c.
        k: samples drawn.
    """
    if not 0 <= num_passed <= num_samples or not 1 <= k <= num_samples:
        raise ValueError(f"pass@{k} of {num_passed} passes in {num_samples} samples is not defined")
    return 1.0 - math.comb(num_samples - num_passed, k) / math.comb(num_samples, k)


def wilson_interval(num_passed: int, num_tasks: int) -> tuple[float, float]:
    """The 95% Wilson score interval of a share, such as pass@1 with one sample a task.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; by statsmodels.

    Args:
        num_passed: tasks passed.
        num_tasks: tasks in all, at least 1.

    Returns:
        The lower and the upper bound, each in 0..1.
    """
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(num_passed, num_tasks, alpha=1.0 - CONFIDENCE, method="wilson")
    return float(low), float(high)


def compare(base: Mapping[str, bool], aligned: Mapping[str, bool]) -> Comparison:
    """McNemar's exact test on the tasks that two models pass.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions"; under the
    null hypothesis the tasks that only one model passes split as fair coin tosses (binomial test by scipy).

    Args:
        base: task id to whether the first model passes, one sample a task.
        aligned: the same for the second model.

    Raises:
        InputError: the two were not scored on the same tasks.
    """
    if base.keys() != aligned.keys():
        different = min(base.keys() ^ aligned.keys())
        raise InputError(f"the two results are of different tasks ({different}, for one); evaluate both models again")
    from scipy.stats import binomtest

    only_base = sum(base[task] and not aligned[task] for task in base)
    only_aligned = sum(aligned[task] and not base[task] for task in base)
    discordant = only_base + only_aligned
    p_value = float(binomtest(only_base, discordant, 0.5).pvalue) if discordant else 1.0
    return Comparison(len(base), only_base, only_aligned, p_value)


def mean_pass_at_k(passes: Sequence[Sequence[bool]], ks: Sequence[int] = (1, 10, 100)) -> dict[str, float]:
    """The mean pass@k over tasks, for those `k` of which every task has enough samples.

    Args:
        passes: for each task, whether each of its samples passes.
        ks: the values of k.

    Returns:
        `pass@k` to its mean over the tasks; empty if there are no tasks.
    """
    fewest = min(map(len, passes), default=0)
    return {
        f"pass@{k}": math.fsum(pass_at_k(len(task), sum(task), k) for task in passes) / len(passes)
        for k in ks
        if k <= fewest
    }
