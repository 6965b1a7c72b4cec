"""The section `finetune_model` of `params.yaml`."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from selfcodealign.settings_file import Count, NonNegative, Section, Share

Scheduler = Literal["linear", "cosine", "constant"]
# Peak rates where none is set. SFT, full: the reference's rate (3B to 15B); published runs on tuned models use 5e-6 to
# 1e-5. LoRA needs 10 to 100 times the rate of full tuning; a published gain at 1.5B is at 1e-4. DPO: at most a tenth of
# these; at 2e-4 it took a 7B from 70.7 to 53.0 on HumanEval. GRPO: in full, 1e-5 was a coin flip. More in
# docs/training.md.
LEARNING_RATES = {
    "sft": {"full": 1e-5, "lora": 1e-4},
    "dpo": {"full": 1e-6, "lora": 5e-6},
    "grpo": {"full": 1e-6, "lora": 1e-5},
}


class FinetuneModel(Section):
    """Fine-tuning with TRL: supervised, on preference pairs, or on rewards; only the answers' tokens count."""

    objective: Literal["sft", "dpo", "grpo"] = Field(
        default="sft",
        description="sft: imitate the selected answers; dpo: prefer passing answers to failing ones of the same task;"
        " grpo: sample answers to the selected tasks and reward those that pass their tests",
    )
    dpo_beta: Annotated[float, Field(gt=0.0)] = Field(
        default=0.1, description="dpo: how strongly the model is held to the base model; higher: closer"
    )
    dpo_nll_weight: Annotated[float, Field(ge=0.0)] = Field(
        default=1.0,
        description="dpo: weight of the SFT loss on the chosen answers, which keeps them likely; 0: plain DPO",
    )
    grpo_samples: Annotated[int, Field(ge=2)] = Field(
        default=8, description="grpo: answers per task and step, which are compared with each other"
    )
    grpo_temperature: Annotated[float, Field(gt=0.0, le=2.0)] = Field(
        default=1.0, description="grpo: sampling temperature of the answers"
    )
    grpo_max_new_tokens: Count = Field(
        default=512, description="grpo: tokens of a sampled answer at most; with its prompt, max_length at most"
    )
    grpo_beta: Annotated[float, Field(ge=0.0)] = Field(
        default=0.0, description="grpo: weight of the divergence (KL) from the base model; 0: no such term"
    )
    method: Literal["full", "lora"] = Field(description="full: all weights; lora: low-rank adapters, merged afterwards")
    lora_rank: Count = Field(default=16, description="rank of the adapters (lora only)")
    seed: NonNegative | None = Field(
        default=None,
        description="training seed: held-out pairs, order of the pairs, dropout, adapter initialization; null: the"
        " run's seed",
    )
    min_examples: Count = Field(description="fewer pairs than this stop the stage")
    holdout_share: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        default=0.1,
        description="share of the pairs that is not trained on; the weights with the best score on it are kept, the"
        " base model's included; 0, or fewer than 10 pairs: the last weights are kept",
    )
    validation: Literal["loss", "executed"] = Field(
        default="loss",
        description="score that decides which weights are kept; loss: on the held-out pairs; executed: share of sampled"
        " answers to the held-out tasks that pass their tests in the sandbox",
    )
    validation_samples: Count = Field(default=4, description="executed: answers per held-out task at each score")
    validation_max_new_tokens: Count = Field(default=512, description="executed: tokens of such an answer at most")
    eval_steps: Count | None = Field(
        default=None, description="optimizer steps between held-out evaluations; null: once per epoch"
    )
    learning_rate: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None,
        description="peak learning rate; null: sft: 1e-5 for full, 1e-4 for lora; dpo: 1e-6 for full, 5e-6 for lora;"
        " grpo: 1e-6 for full, 1e-5 for lora",
    )
    optimizer: Literal["adafactor", "adamw_torch"] = Field(description="optimizer")
    scheduler: Scheduler = Field(description="learning-rate decay after the warm-up")
    warmup_share: Share = Field(description="share of the steps in which the rate rises; above 0: at least one step")
    max_grad_norm: float | None = Field(
        default=1.0, description="gradients of a larger norm are scaled down to it; null or -1: no clipping"
    )
    batch_size: Count = Field(
        description="pairs (packed: sequences; grpo: tasks) per optimizer step at most; an epoch is spread evenly over"
        " its steps"
    )
    micro_batch_size: Count = Field(
        description="pairs per forward pass at most (dpo: each is two sequences; grpo: answers): memory and speed, not"
        " the result"
    )
    epochs: Annotated[float, Field(gt=0.0)] = Field(description="passes over the pairs")
    max_length: Count = Field(description="tokens of a pair at most; longer pairs are counted and left out")
    packing: bool = Field(description="several pairs in one sequence (sft only)")
    dropout: Share = Field(default=0.0, description="dropout of attention and adapters")
    gradient_checkpointing: bool = Field(
        default=False, description="recompute activations: a third slower, far less memory; for models from 3B on"
    )
    save_steps: Count = Field(description="optimizer steps between the checkpoints that a killed run resumes from")
    save_dtype: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="precision of the saved weights; float32: as trained, 4 bytes per weight; bfloat16: 2 bytes,"
        " rounded stochastically, because rounding to the nearest takes most updates of small rates back",
    )

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate that is set, or the default of the objective and the method."""
        return LEARNING_RATES[self.objective][self.method] if self.learning_rate is None else self.learning_rate

    @property
    def runs_answers(self) -> bool:
        """Whether the training runs sampled answers in the sandbox."""
        return self.objective == "grpo" or self.validation == "executed"

    @model_validator(mode="after")
    def _validates_on_held_out_tasks(self) -> "FinetuneModel":
        if self.validation == "executed" and self.holdout_share == 0.0:
            raise ValueError("validation executed needs held-out tasks; set holdout_share above 0, or validation: loss")
        return self

    @property
    def max_row_length(self) -> int:
        """Tokens of a training row at most; for grpo a row is a prompt, and its answer must fit beside it."""
        return self.max_length - self.grpo_max_new_tokens if self.objective == "grpo" else self.max_length

    @model_validator(mode="after")
    def _rewards_fit(self) -> "FinetuneModel":
        if self.objective != "grpo":
            return self
        if self.max_row_length <= 0:
            raise ValueError("max_length must be above grpo_max_new_tokens, to leave room for the prompt")
        if self.validation == "loss" and self.holdout_share > 0.0:
            raise ValueError(
                "objective grpo has no loss on held-out answers; set validation: executed, or holdout_share: 0"
            )
        return self

    @model_validator(mode="after")
    def _packs_sft_only(self) -> "FinetuneModel":
        if self.objective != "sft" and self.packing:
            raise ValueError("packing works with objective sft only; set packing: false")
        return self

    @model_validator(mode="after")
    def _clips_at_a_positive_norm(self) -> "FinetuneModel":
        if self.max_grad_norm is not None and self.max_grad_norm <= 0.0 and self.max_grad_norm != -1.0:
            raise ValueError("max_grad_norm must be above 0; null or -1 turns clipping off")
        return self
