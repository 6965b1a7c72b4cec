"""Settings of one stage that decide what another stage writes only where a third setting says so."""

from typing import Any

from selfcodealign.params import Params

_SANDBOX = {"runtime", "timeout_s", "memory_mib"}
_ENGINE = {"kind", "served_model", "dtype", "max_model_len"}


def conditional_settings(params: Params) -> dict[str, dict[str, Any]]:
    """The settings of sandbox and engine for the stages that use them with these params only, by stage and section.

    Stages that always use them name the settings in `dvc.yaml`.
    """
    sandbox = {"sandbox": params.sandbox.model_dump(mode="json", include=_SANDBOX)}
    engine = {"engine": params.engine.model_dump(mode="json", include=_ENGINE)}
    tuned = params.finetune_model
    runs_answers = tuned.objective == "grpo" or tuned.validation == "executed"
    return {
        "filter_seeds": {
            **(sandbox if params.filter_seeds.smoke else {}),
            **(engine if params.filter_seeds.judge else {}),
        },
        "generate_responses": sandbox if params.generate_responses.stop_after is not None else {},
        "resample_responses": sandbox if params.resample_responses.num_samples else {},
        "finetune_model": sandbox if runs_answers else {},
    }
