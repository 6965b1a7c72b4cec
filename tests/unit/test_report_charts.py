"""Charts: the numbers that go in are the marks that come out."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcodealign.report import charts, svg
from selfcodealign.report.charts import Bar, Cell, IntervalBar
from selfcodealign.report.funnel import Step, funnel, is_logarithmic, shares

SVG = "{http://www.w3.org/2000/svg}"
counts = st.lists(st.integers(0, 10**9), min_size=1, max_size=12)


def parse(drawing: str) -> ElementTree.Element:
    named = drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return ElementTree.fromstring(named)  # noqa: S314 - our own drawing


def marks(drawing: str, tag: str, cls: str) -> list[ElementTree.Element]:
    return [one for one in parse(drawing).iter(SVG + tag) if cls in one.get("class", "").split()]


def texts(drawing: str) -> list[str]:
    return [one.text or "" for one in parse(drawing).iter(SVG + "text")]


def make_bars(values: list[int]) -> list[Bar]:
    return [Bar(label=f"label {index}", value=value, written=str(value)) for index, value in enumerate(values)]


@pytest.mark.parametrize("width", [340.0, 1040.0])
def test_bar_lengths_are_proportional_to_their_values(width: float) -> None:
    drawn = marks(charts.bars(make_bars([10, 40, 20]), title="t", desc="d", width=width), "rect", "bar")
    lengths = [float(one.get("width", "0")) for one in drawn]
    assert lengths[1] == pytest.approx(4 * lengths[0], rel=0.01)
    assert lengths[1] == pytest.approx(2 * lengths[2], rel=0.01)


def test_bars_are_measured_against_the_given_top() -> None:
    half = marks(charts.bars(make_bars([50]), title="t", desc="d", width=1040, top=100), "rect", "bar")[0]
    full = marks(charts.bars(make_bars([50]), title="t", desc="d", width=1040), "rect", "bar")[0]
    assert float(half.get("width", "0")) == pytest.approx(float(full.get("width", "0")) / 2, rel=0.01)


@given(counts, st.sampled_from([340.0, 500.0, 1040.0]))
def test_bars_stay_inside_the_drawing_and_every_value_is_written(values: list[int], width: float) -> None:
    drawing = charts.bars(make_bars(values), title="t", desc="d", width=width)
    assert all(
        float(one.get("x", "0")) + float(one.get("width", "0")) <= width for one in marks(drawing, "rect", "bar")
    )
    assert [text for text in texts(drawing) if not text.startswith("label")] == [str(value) for value in values]


def test_histogram_heights_are_proportional_and_no_value_is_lost() -> None:
    values = [1.0] * 2 + [11.0] * 6 + [25.0] * 4
    columns = [count for *_, count in charts.bins(values) if count]
    drawn = marks(charts.histogram(values, unit="words", title="t", desc="d", width=500), "rect", "bar")
    heights = [float(one.get("height", "0")) for one in drawn]
    assert columns == [2, 6, 4]
    assert heights[1] == pytest.approx(3 * heights[0], rel=0.01)
    assert heights[2] == pytest.approx(2 * heights[0], rel=0.01)


@given(st.lists(st.integers(0, 10**6).map(float), min_size=1, max_size=200))
def test_every_value_falls_into_exactly_one_bin(values: list[float]) -> None:
    found = charts.bins(values)
    assert sum(count for *_, count in found) == len(values)
    assert all(above[0] == pytest.approx(below[1]) for below, above in pairwise(found))


def test_whiskers_span_the_interval_around_the_end_of_the_bar() -> None:
    bar = IntervalBar(label="Base", value=0.5, low=0.4, high=0.6, written="50%", fill="slate")
    drawing = charts.interval_bars([("HumanEval+", [bar])], title="t", desc="d", width=1040)
    drawn = marks(drawing, "rect", "bar")[0]
    start, end = float(drawn.get("x", "0")), float(drawn.get("x", "0")) + float(drawn.get("width", "0"))
    whiskers = [(float(one.get("x1", "0")), float(one.get("x2", "0"))) for one in marks(drawing, "line", "whisker")]
    low, high = max(whiskers, key=lambda ends: ends[1] - ends[0])
    assert (low - start) / (end - start) == pytest.approx(0.8, abs=0.01)
    assert (high - start) / (end - start) == pytest.approx(1.2, abs=0.01)


def test_the_curve_passes_through_every_point_in_order() -> None:
    drawing = charts.line([(1, 3.0), (2, 2.0), (3, 1.0)], x_name="x", y_name="y", title="t", desc="d", width=500)
    points = [(float(one.get("cx", "0")), float(one.get("cy", "0"))) for one in marks(drawing, "circle", "dot")]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert points[1][1] - points[0][1] == pytest.approx(points[2][1] - points[1][1])
    assert points[0][1] < points[1][1]


def test_points_that_are_not_finite_are_left_out_of_the_curve() -> None:
    drawing = charts.line([(1, float("nan")), (2, 2.0)], x_name="x", y_name="y", title="t", desc="d", width=500)
    assert len(marks(drawing, "circle", "dot")) == 1
    assert "nan" not in drawing


def test_segments_share_the_bar_in_proportion_and_empty_ones_are_not_drawn() -> None:
    drawing = charts.stacked_bar(make_bars([30, 0, 10]), title="t", desc="d", width=500)
    wide, small = (float(one.get("width", "0")) for one in marks(drawing, "rect", "bar"))
    assert wide == pytest.approx(3 * small, rel=0.01)


def test_each_task_is_one_cell() -> None:
    drawing = charts.cells([Cell(fill="good", tip=f"task {n}") for n in range(164)], title="t", desc="d", width=340)
    drawn = marks(drawing, "rect", "bar")
    assert len({(one.get("x"), one.get("y")) for one in drawn}) == 164
    assert all(float(one.get("x", "0")) + float(one.get("width", "0")) <= 340 for one in drawn)


def test_funnel_bars_are_proportional_to_the_rows_when_they_are_of_one_order() -> None:
    steps = [Step(name=f"step {rows}", stage="s", rows=rows) for rows in (80, 40, 20)]
    drawn = marks(funnel(steps, title="t", desc="d", width=1040), "rect", "bar")
    first, second, third = (float(one.get("width", "0")) for one in drawn)
    assert (second / first, third / first) == (pytest.approx(0.5, rel=0.01), pytest.approx(0.25, rel=0.01))


@given(counts)
def test_funnel_bars_keep_the_order_of_their_counts(values: list[int]) -> None:
    steps = [Step(name="step", stage="s", rows=value) for value in values]
    found = shares(steps)
    assert all(0.0 <= share <= 1.0 for share in found)
    assert all(
        (a < b) <= (x <= y) for a, x in zip(values, found, strict=True) for b, y in zip(values, found, strict=True)
    )
    assert all((share == 0.0) == (value == 0) for share, value in zip(found, values, strict=True))


def test_a_funnel_over_many_orders_is_logarithmic() -> None:
    assert is_logarithmic([Step(name="a", stage="s", rows=rows) for rows in (40_000, 8)])
    assert not is_logarithmic([Step(name="a", stage="s", rows=rows) for rows in (40, 8)])


@pytest.mark.parametrize("width", [340.0, 1040.0])
def test_charts_of_nothing_and_of_zeros_are_valid_images(width: float) -> None:
    empty = [
        charts.bars([], title="t", desc="d", width=width),
        charts.bars(make_bars([0]), title="t", desc="d", width=width),
        charts.histogram([], unit="u", title="t", desc="d", width=width),
        charts.histogram([0.0], unit="u", title="t", desc="d", width=width),
        charts.line([], x_name="x", y_name="y", title="t", desc="d", width=width),
        charts.line([(5, 0.0)], x_name="x", y_name="y", title="t", desc="d", width=width),
        charts.stacked_bar([], title="t", desc="d", width=width),
        charts.interval_bars([], title="t", desc="d", width=width),
        charts.cells([], title="t", desc="d", width=width),
        funnel([], title="t", desc="d", width=width),
        funnel([Step(name="none", stage="s", rows=0)], title="t", desc="d", width=width),
    ]
    for drawing in empty:
        assert parse(drawing).get("role") == "img"


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_any_text_is_escaped_and_names_the_chart(content: str) -> None:
    hostile = f"<script>{content}</script>\"'&"
    bar = Bar(label=hostile, value=1, written=hostile, tip=hostile)
    image = parse(charts.bars([bar], title=hostile, desc=hostile, width=1040))
    assert not list(image.iter(SVG + "script"))
    named = image.get("aria-labelledby", "").split()
    assert [one.get("id") for one in image if one.tag in {SVG + "title", SVG + "desc"}] == named
    assert next(iter(image)).text == hostile


@given(st.floats(-1e12, 1e12), st.floats(0, 1e12), st.integers(1, 20))
def test_ticks_enclose_their_range_and_increase(low: float, span: float, count: int) -> None:
    found = svg.ticks(low, low + span, count)
    tolerance = max(abs(low), abs(low + span), 1e-9) * 1e-6
    assert found[0] <= low + tolerance
    assert found[-1] >= low + span - tolerance
    assert all(above > below for below, above in pairwise(found))


def test_a_drop_count_beside_the_funnel_is_never_cut_short() -> None:
    dropped = {"no_return_value_at_all": 987654, "some_other_long_reason": 123456, "third": 5}
    steps = [Step(name="a", stage="s", rows=1111120), Step(name="b", stage="s", rows=5, dropped=dropped)]
    for width in (700.0, 1040.0):
        shown = next(text for text in texts(funnel(steps, title="t", desc="d", width=width)) if "\u2212" in text)
        assert sum(int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", shown)) == 1111115
