"""Which weights of a training are kept: those with the best score on what was held out, or the base model's."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from selfcodealign.errors import InputError
from selfcodealign.files import replaced_folder

WEIGHTS_NAME = "trained.safetensors"
SCORE_NAME = "score.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """What decides which weights are kept.

    The default is the held-out loss. `validation.pass_rate_scorer` runs the model's answers in the sandbox instead.

    Attributes:
        name: of the score in metrics and logs, such as `holdout_loss`.
        score: takes the model in evaluation mode, in the precision of its trained weights, and its tokenizer; called
            before training and after some steps.
        higher_is_better: whether a higher score is better, as for a pass rate.
        counts: what the score is counted over, by name, for the metrics.
    """

    name: str
    score: Callable[[Any, Any], float]
    higher_is_better: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)

    def is_better(self, score: float, than: float) -> bool:
        """Whether a score is strictly better than another; NaN never is."""
        return score > than if self.higher_is_better else score < than


@dataclass(frozen=True, slots=True)
class ScorePoint:
    """A score of the weights after some optimizer steps; step 0 is the base model."""

    step: int
    score: float


def score_history(log_history: Sequence[dict[str, Any]], name: str) -> list[ScorePoint]:
    """The scores of a scorer out of the trainer's log, in the order of the steps."""
    return [ScorePoint(int(entry["step"]), float(entry[name])) for entry in log_history if name in entry]


class BestWeights:
    """The weights with the best score so far, on disk, so that they outlive a killed run.

    Only trained weights are stored: all of them in full fine-tuning, in float32 (2 GB for 0.5B parameters), and just
    the adapters with LoRA. The base model's score is stored without weights. On equal scores the earlier weights stay.
    """

    def __init__(self, folder: Path, scorer: Scorer) -> None:
        """Continue from what an earlier run of the same training stored with the same scorer.

        Args:
            folder: the training's checkpoint folder; weights and score go into a folder in it.
            scorer: compares scores.
        """
        self._folder = folder / f"best-{scorer.name}"
        self._scorer = scorer
        self.best = _read_score(self._folder / SCORE_NAME)

    def offer(self, model: Any, point: ScorePoint) -> bool:
        """Store the model's weights if they score better than all before; returns whether they do.

        Raises:
            InputError: the folder cannot be written.
        """
        from safetensors.torch import save_file

        if self.best is not None and not self._scorer.is_better(point.score, self.best.score):
            return False
        with replaced_folder(self._folder) as folder:
            if point.step > 0:
                save_file(_trained_weights(model), folder / WEIGHTS_NAME)
            (folder / SCORE_NAME).write_text(json.dumps(asdict(point)), encoding="utf-8")
        self.best = point
        return True

    def restore(self, model: Any) -> None:
        """Put the stored weights back into the model.

        Raises:
            InputError: they cannot be read, or the best weights are the base model's, which are not stored.
        """
        import torch
        from safetensors import SafetensorError, safe_open

        path = self._folder / WEIGHTS_NAME
        parameters = dict(model.named_parameters())
        try:
            with safe_open(path, framework="pt") as file, torch.no_grad():
                for name in file.keys():  # noqa: SIM118 - a safetensors file is not a dict
                    parameters[name].copy_(file.get_tensor(name))
        except (OSError, SafetensorError) as error:
            raise InputError(f"{path} cannot be read ({error}); remove its folder and run the stage again") from error


def _trained_weights(model: Any) -> dict[str, Any]:
    """The weights that training changes, by name; tied weights have one name."""
    return {
        name: weight.detach().cpu().contiguous() for name, weight in model.named_parameters() if weight.requires_grad
    }


def _read_score(path: Path) -> ScorePoint | None:
    try:
        return ScorePoint(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):  # never written, or not to its end
        return None
