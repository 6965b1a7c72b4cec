"""Experiments: named sets of param overrides, run one after the other with `dvc exp run`, and their table."""

from selfcodealign.experiments.config import Arm, ExperimentSet, load_experiments, set_named
from selfcodealign.experiments.finished import Experiment, Finished, State, find_finished, list_experiments
from selfcodealign.experiments.overrides import apply_overrides
from selfcodealign.experiments.pipeline import Pipeline, load_pipeline
from selfcodealign.experiments.plan import ArmRun, check_names, choose_arms, plan_set
from selfcodealign.experiments.results import ArmResult, Interval, RunResult, over_seeds, read_results
from selfcodealign.experiments.runner import run_arms
from selfcodealign.experiments.table import table_csv, table_page, table_text

__all__ = [
    "Arm",
    "ArmResult",
    "ArmRun",
    "Experiment",
    "ExperimentSet",
    "Finished",
    "Interval",
    "Pipeline",
    "RunResult",
    "State",
    "apply_overrides",
    "check_names",
    "choose_arms",
    "find_finished",
    "list_experiments",
    "load_experiments",
    "load_pipeline",
    "over_seeds",
    "plan_set",
    "read_results",
    "run_arms",
    "set_named",
    "table_csv",
    "table_page",
    "table_text",
]
