"""The page: facts and figures go into the template, styles and script go inline, nothing is fetched."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from selfcodealign.files import write_text
from selfcodealign.records import Example
from selfcodealign.report import facts, figures, svg, wording
from selfcodealign.report.changes import changed_tasks
from selfcodealign.report.conclusion import benchmark_rows, conclusion, pool
from selfcodealign.report.failures import failure_counts
from selfcodealign.report.inputs import ReportInputs
from selfcodealign.report.markdown import code_html, markdown_html, marked_code_html
from selfcodealign.report.scores import Change, benchmark_notes, read_paired, read_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of the settings table: key, value as in the params file, and what the key means."""

    key: str
    value: str
    description: str


def write_report(inputs: ReportInputs, out: Path) -> None:
    """Write the report as one self-contained HTML file: no network, light and dark, desk, phone and paper.

    Args:
        inputs: what the stages measured; parts that are missing are said to be missing.
        out: the HTML file, written under a temporary name and then renamed.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(out, render_page(inputs).encode("utf-8", "replace").decode("utf-8"))


def render_page(inputs: ReportInputs) -> str:
    """The page as HTML."""
    style, script = page_style(), _template_file("report.js")
    scores, paired = read_scores(inputs), read_paired(inputs)
    rows = benchmark_rows(inputs)
    yields = facts.yields(inputs)
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            inputs=inputs,
            style=style,
            script=script,
            # Model text is hostile: besides being escaped, it could not run or fetch anything under this policy.
            policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src '{_source_hash(script)}'; img-src data:",
            benchmark_rows=rows,
            conclusion=conclusion(rows),
            pooled=pool(rows),
            model=model_name(inputs),
            model_note=model_note(inputs),
            funnel=figures.funnel_figure(inputs),
            drop_figures=figures.drop_figures(inputs),
            yields=yields,
            most_pairs=max((pairs for *_, pairs in yields), default=0) or 1,
            length_figures=figures.length_figures(inputs),
            loss_figure=figures.loss_figure(inputs),
            score_figure=figures.score_figure(scores),
            benchmark_notes=benchmark_notes(inputs),
            change_figures=[(one, figures.change_figure(one)) for one in paired],
            changed=changed_tasks(inputs, paired),
            failures=failure_counts(inputs),
            status_figure=figures.status_figure(inputs),
            strength_figure=figures.strength_figure(inputs),
            licence_figures=figures.licence_figures(inputs),
            timing_figure=figures.timing_figure(inputs),
            timings=facts.timings(inputs),
            journal_note=facts.journal_note(inputs),
            samples=sample_pairs(inputs.examples, inputs.params.write_report.num_sample_pairs),
            settings=settings_table(inputs.params),
            facts=facts,
            Change=Change,
            MODELS=wording.MODELS,
        )
    )


def model_name(inputs: ReportInputs) -> str:
    """The model of the run as its import recorded it, else as the settings name it."""
    values = inputs.stages.get("import_model", {})
    return str(values.get("name") or inputs.params.import_model.name)


def model_note(inputs: ReportInputs) -> str:
    """Size, precision and licence of the model as its import recorded them; the generator if it is another model."""
    values = inputs.stages.get("import_model", {})
    parameters = facts.figure(values, "parameters")
    size = f"{svg.compact(parameters)} parameters" if parameters else ""
    generator = generator_name(inputs)
    data = f"data of {generator}" if generator else ""
    known = [size, str(values.get("dtype") or ""), str(values.get("licence") or ""), data]
    return ", ".join(filter(None, known)) or inputs.params.import_model.source


def generator_name(inputs: ReportInputs) -> str:
    """The model that generated the data, if it is not the base model; else empty."""
    if inputs.params.import_generator.model is None:
        return ""
    return str(inputs.stages.get("import_generator", {}).get("name") or inputs.params.import_generator.name)


def sample_pairs(examples: Sequence[Example], most: int) -> list[Example]:
    """Pairs to show: in turn from each category and difficulty, so that all kinds are seen."""
    kinds: dict[tuple[str, str], list[Example]] = {}
    for example in examples:
        kinds.setdefault((example.category, example.difficulty), []).append(example)
    queues = [kinds[kind] for kind in sorted(kinds)]
    longest = max((len(queue) for queue in queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)][:most]


def settings_table(params: BaseModel) -> list[tuple[str, list[Setting]]]:
    """The params by section; the top-level values come first, under `run`."""
    single = [
        Setting(key=name, value=wording.setting(getattr(params, name)), description=field.description or "")
        for name, field in type(params).model_fields.items()
        if not isinstance(getattr(params, name), BaseModel)
    ]
    sections = [
        (name, _section(getattr(params, name), ""))
        for name in type(params).model_fields
        if isinstance(getattr(params, name), BaseModel)
    ]
    return [("run", single), *sections]


def _section(section: BaseModel, prefix: str) -> list[Setting]:
    rows = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            rows += _section(value, f"{prefix}{name}.")
        else:
            rows.append(Setting(key=prefix + name, value=wording.setting(value), description=field.description or ""))
    return rows


@cache
def page_environment(package: str = "selfcodealign.report") -> Environment:
    """Jinja environment of the HTML pages: autoescaping on, with filters for numbers, names and text.

    Args:
        package: whose `templates` folder holds the page's template.
    """
    environment = Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {
        "whole": wording.whole,
        "decimal": wording.decimal,
        "percent": wording.percent,
        "points": wording.points,
        "p_value": wording.p_value,
        "point_range": wording.point_range,
        "duration": wording.duration,
        "words": wording.words,
        "plural": wording.plural,
        "stage_name": figures.stage_name,
        "markdown_html": markdown_html,
        "code_html": code_html,
        "marked_code_html": marked_code_html,
    }
    environment.filters.update(filters)
    return environment


def page_style() -> str:
    """The style sheet of the HTML pages, to be put inline."""
    return _template_file("report.css")


def _template_file(name: str) -> str:
    return resources.files("selfcodealign.report").joinpath("templates", name).read_text(encoding="utf-8")


def _source_hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
