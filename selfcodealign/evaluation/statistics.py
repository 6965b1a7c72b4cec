"""pass@k, its confidence interval, and the paired comparison of two models.

A task's *share* is the share of its samples that pass, 0 or 1 with one sample per task. Tasks are independent, samples
of one task are not: with several samples per task, every figure here is computed from the shares, one per task.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from selfcodealign.errors import InputError

CONFIDENCE = 0.95
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired comparison of two models on the same tasks.

    Attributes:
        num_tasks: tasks that both were scored on.
        only_base: tasks that the first model passes more often (with one sample per task: b of McNemar's table).
        only_aligned: tasks that the second model passes more often (likewise: c of McNemar's table).
        p_value: of the exact two-sided test of "each model is as likely as the other to be the better one on a task".
    """

    num_tasks: int
    only_base: int
    only_aligned: int
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The difference of two models' pass@1 on the same tasks, the second minus the first.

    Attributes:
        num_tasks: tasks that both were scored on.
        value: the difference, -1..1.
        low: lower end of its 95% interval, -1..1.
        high: upper end of it.
        detectable: the smallest true difference, either way, that a comparison like this one finds with a probability
            of 80% at a significance level of 5%, 0..1.
    """

    num_tasks: int
    value: float
    low: float
    high: float
    detectable: float


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


def mean_interval(shares: Collection[float]) -> tuple[float, float]:
    """The 95% interval of pass@1, with one sample per task or several.

    With one sample per task it is Wilson's. With several it is Student's interval of the mean over tasks, with two
    tasks that always pass and two that never do added, as Agresti and Coull 1998 ("Approximate is better than exact")
    add them for one sample; by statsmodels.

    Args:
        shares: each task's share of passing samples; at least one task.

    Returns:
        The lower and the upper bound, each in 0..1.
    """
    if all(share in {0.0, 1.0} for share in shares):
        return wilson_interval(round(sum(shares)), len(shares))
    low, high = _mean_interval(shares, {0.0: 2.0, 1.0: 2.0})
    return max(low, 0.0), min(high, 1.0)


def paired_difference(base: Mapping[str, float], aligned: Mapping[str, float]) -> Difference:
    """The difference of two models' pass@1 with its 95% interval, paired by task.

    The interval is Student's of the mean of the tasks' differences, after adding half a task that only the first model
    passes, half a task that only the second passes, and one on which they do not differ. Source: Agresti and Min 2005,
    "Simple improved confidence intervals for comparing matched proportions", who add 1/2 to each cell of McNemar's
    table. So even two models that pass the same tasks have an interval. By statsmodels.

    The detectable difference takes the mean square of the same differences, which is the share of discordant tasks
    with one sample per task, as the variance of one task's difference. Source: Connor 1987, "Sample size for testing
    differences in proportions for the paired-sample design"; the power of the z-test is by statsmodels.

    Args:
        base: task id to the share of the first model's samples that pass, 0..1; at least one task.
        aligned: the same for the second model.

    Raises:
        InputError: the two were not scored on the same tasks.
    """
    _check_same_tasks(base, aligned)
    from statsmodels.stats.power import NormalIndPower

    changes = [aligned[task] - base[task] for task in base]
    low, high = _mean_interval(changes, {1.0: 0.5, -1.0: 0.5, 0.0: 1.0})
    # ratio=0: one sample, here that of the differences.
    deviations = NormalIndPower().solve_power(nobs1=len(changes), alpha=1.0 - CONFIDENCE, power=POWER, ratio=0)
    discordant = (math.fsum(change**2 for change in changes) + 1.0) / (len(changes) + 2.0)
    return Difference(
        num_tasks=len(changes),
        value=math.fsum(changes) / len(changes),
        low=max(low, -1.0),
        high=min(high, 1.0),
        detectable=min(float(deviations) * math.sqrt(discordant), 1.0),
    )


def compare(base: Mapping[str, float], aligned: Mapping[str, float]) -> Comparison:
    """The exact sign test on the tasks that two models differ on; with one sample per task, McNemar's exact test.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated proportions"; under the
    null hypothesis the tasks on which one model is better split as fair coin tosses (binomial test by scipy).

    Args:
        base: task id to the share of the first model's samples that pass, or to whether its only sample does.
        aligned: the same for the second model.

    Raises:
        InputError: the two were not scored on the same tasks.
    """
    _check_same_tasks(base, aligned)
    from scipy.stats import binomtest

    only_base = sum(base[task] > aligned[task] for task in base)
    only_aligned = sum(aligned[task] > base[task] for task in base)
    discordant = only_base + only_aligned
    p_value = float(binomtest(only_base, discordant, 0.5).pvalue) if discordant else 1.0
    return Comparison(len(base), only_base, only_aligned, p_value)


def _check_same_tasks(base: Mapping[str, float], aligned: Mapping[str, float]) -> None:
    if base.keys() != aligned.keys():
        different = min(base.keys() ^ aligned.keys())
        raise InputError(f"the two results are of different tasks ({different}, for one); evaluate both models again")


def _mean_interval(values: Collection[float], added: Mapping[float, float]) -> tuple[float, float]:
    """Student's 95% interval of a mean, with values added that count as many times as their weight says."""
    from statsmodels.stats.weightstats import DescrStatsW

    weights = [1.0] * len(values) + list(added.values())
    low, high = DescrStatsW([*values, *added], weights=weights).tconfint_mean(alpha=1.0 - CONFIDENCE)
    return float(low), float(high)


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
