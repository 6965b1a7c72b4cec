"""What the run at hand needs of the machine, and whether it is there: one line per need, each with its fix."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from selfcodealign.doctor.addresses import answers, check_benchmark, check_server
from selfcodealign.doctor.check import Check, State, exit_code, format_checks
from selfcodealign.doctor.isolation import (
    check_docker,
    check_gvisor,
    check_image,
    check_release,
    check_root_folder,
    check_runsc_direct,
    sandbox_checks,
)
from selfcodealign.doctor.machine import (
    check_chromium,
    check_cpu,
    check_disk,
    check_engine,
    check_files,
    check_gpu,
    check_memory,
    check_python,
)
from selfcodealign.doctor.models import ModelFound, find_model, find_models
from selfcodealign.errors import InputError
from selfcodealign.params import Params, load_params
from selfcodealign.sandbox import Docker, docker_host

__all__ = [
    "Check",
    "ModelFound",
    "State",
    "answers",
    "check_benchmark",
    "check_chromium",
    "check_cpu",
    "check_disk",
    "check_docker",
    "check_engine",
    "check_files",
    "check_gpu",
    "check_gvisor",
    "check_image",
    "check_memory",
    "check_python",
    "check_release",
    "check_root_folder",
    "check_runsc_direct",
    "check_server",
    "checks",
    "exit_code",
    "find_model",
    "find_models",
    "format_checks",
]


def checks(root: Path | None = None, params_path: Path | None = None) -> list[Check]:
    """Look at everything that a run needs. Changes nothing, downloads nothing, and takes a few seconds.

    Args:
        root: the repository, whose disk, models and `.tools/docker-host` are looked at; None: the working folder.
        params_path: the params of the run; None: `params.yaml` of the repository.

    Returns:
        One entry per need, in the order in which a run meets them. A need that cannot be examined is missing. Without
        readable params only what every run needs is looked at.
    """
    root = (root or Path()).resolve()
    path = params_path or root / "params.yaml"
    try:
        params = load_params(path)
    except InputError as error:
        params, named = None, Check("Params", State.MISSING, str(error))
    else:
        named = Check("Params", State.OK, str(path))
    # Side by side: those that wait for the network or for Docker take seconds each.
    groups: list[Callable[[], list[Check]]] = [
        lambda: [named, check_python(), check_engine(), check_cpu(), check_files(root)],
        *(_of_run(params, root) if params else []),
        lambda: sandbox_checks(params, Docker(docker_host([root])), root),
        lambda: [check_gpu(), check_chromium()],
    ]
    with ThreadPoolExecutor(len(groups)) as pool:
        return [check for found in pool.map(lambda group: group(), groups) for check in found]


def _of_run(params: Params, root: Path) -> list[Callable[[], list[Check]]]:
    """What the params of a run decide: models with memory and disk, benchmarks, servers."""

    def of_models() -> list[Check]:
        models = find_models(params, root)
        found = [model.check for model in models]
        return [*found, check_memory(params, models), check_disk(params, models, root)]

    servers = params.engine.servers if params.engine.kind == "openai" else []
    return [
        of_models,
        *(partial(_listed, partial(check_benchmark, name, params, root)) for name in params.import_benchmarks.names),
        *(partial(_listed, partial(check_server, address)) for address in servers),
    ]


def _listed(check: Callable[[], Check]) -> list[Check]:
    return [check()]
