"""Programs whose right verdict is known, by theme: honest, dishonest, and such that leave traces for a later one."""

from adversarial import (
    always_equal,
    contaminated_caches,
    contaminated_library,
    contaminated_process,
    contaminated_settings,
    copy_detection,
    early_exits,
    equal_by_hash,
    expected_value_readers,
    forged_exits,
    forged_test_results,
    honest_containers,
    honest_counters,
    honest_equality,
    honest_names,
    honest_runners,
    honest_shapes,
    judge_tampering,
    left_running,
    not_about_the_code,
    patched_helpers,
    recompiled_tests,
    rewritten_tests,
    self_comparison,
    swallowed,
    tolerant_tests,
    true_by_form,
)
from adversarial.program import ALL_STATUSES, NOT_PASSED, PASSED, Case

THEMES: dict[str, tuple[Case, ...]] = {
    "swallowed failures": swallowed.CASES,
    "true by form": true_by_form.CASES,
    "not about the code": not_about_the_code.CASES,
    "early exits": early_exits.CASES,
    "always equal": (*always_equal.CASES, *equal_by_hash.CASES, *tolerant_tests.CASES, *expected_value_readers.CASES),
    "self-comparison": self_comparison.CASES,
    "patched helpers": patched_helpers.CASES,
    "forged": (
        *rewritten_tests.CASES,
        *judge_tampering.CASES,
        *forged_exits.CASES,
        *copy_detection.CASES,
        *forged_test_results.CASES,
        *recompiled_tests.CASES,
    ),
    "contamination": (
        *contaminated_caches.CASES,
        *contaminated_library.CASES,
        *contaminated_settings.CASES,
        *contaminated_process.CASES,
        *left_running.CASES,
    ),
    "honest equality": (*honest_equality.CASES, *honest_containers.CASES, *honest_counters.CASES),
    "honest names": honest_names.CASES,
    "honest runners": honest_runners.CASES,
    "honest shapes": honest_shapes.CASES,
}

__all__ = ["ALL_STATUSES", "NOT_PASSED", "PASSED", "THEMES", "Case"]
