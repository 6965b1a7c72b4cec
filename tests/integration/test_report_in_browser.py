"""The report in a real browser: drawn, quiet, self-contained, and readable on a desk, on a phone and in the dark."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_fixture.build import build_run

REPOSITORY = Path(__file__).parents[2]
SECTIONS = (
    "funnel",
    "yields",
    "lengths",
    "training",
    "benchmarks",
    "verdicts",
    "pairs",
    "licences",
    "time",
    "settings",
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip
LUMINANCE = """
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
"""
CONTRAST = f"""{LUMINANCE}
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll(arguments[0])].map((one) => {{
    const style = getComputedStyle(one);
    const ink = luminance(one instanceof SVGElement ? style.fill : style.color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  }});
"""
CONTRAST_ON_OWN_GROUND = f"""{LUMINANCE}
  const ground = (one) => {{
    const colour = getComputedStyle(one).backgroundColor;
    return /, 0\\)$/.test(colour) && one.parentElement ? ground(one.parentElement) : luminance(colour);
  }};
  return [...document.querySelectorAll(arguments[0])].map((one) => {{
    const [ink, paper] = [luminance(getComputedStyle(one).color), ground(one)];
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  }});
"""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of an invented run, written by the stage itself."""
    root = tmp_path_factory.mktemp("run")
    build_run(root)
    shutil.copy(REPOSITORY / "params.yaml", root)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, "-m", "stages.write_report"], cwd=root, env=environment, check=True, timeout=120)
    return root / "data/write_report/report.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.fail("no Chromium: install the Debian packages chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(driver))
    yield window
    window.quit()


def open_page(chromium: Any, page: Path, *, width: int = 1280, scheme: str = "light", media: str = "screen") -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    chromium.get("about:blank")  # so that the page is a new document, whatever the last test did to it
    for log in ("browser", "performance"):
        chromium.get_log(log)
    chromium.get(page.as_uri())
    # Chromium drops keys and clicks that come before the first frame of a page.
    chromium.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def visible_charts(chromium: Any) -> list[dict[str, float]]:
    found = chromium.execute_script(
        """return [...document.querySelectorAll("svg.chart")].map((chart) => {
          const box = chart.getBoundingClientRect();
          const marks = chart.querySelectorAll("rect, circle, polyline");
          return { width: box.width, height: box.height, left: box.left, right: box.right,
                   marks: [...marks].filter((mark) => mark.getBoundingClientRect().width > 0).length };
        }).filter((chart) => chart.width > 0);"""
    )
    return list(found)


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_every_section_and_chart_is_drawn(chromium: Any, report: Path, width: int) -> None:
    open_page(chromium, report, width=width)
    heights = chromium.execute_script(
        "return arguments[0].map((id) => document.getElementById(id).getBoundingClientRect().height)", list(SECTIONS)
    )
    assert min(heights) > 100
    charts = visible_charts(chromium)
    assert len(charts) >= 15
    assert all(chart["height"] > 20 and chart["marks"] > 0 for chart in charts)
    assert all(chart["left"] >= 0 and chart["right"] <= width for chart in charts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_logged_and_nothing_is_fetched(chromium: Any, report: Path, scheme: str) -> None:
    open_page(chromium, report, scheme=scheme)
    chromium.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert chromium.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert report.as_uri() in asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    # The invented answers hold a script and an image that would say so.
    assert chromium.title == chromium.execute_script("return document.querySelector('h1').textContent")
    assert "document.title = 'owned'" in chromium.page_source


def test_a_script_that_got_into_the_page_would_not_run(chromium: Any, report: Path, tmp_path: Path) -> None:
    page = tmp_path / "tampered.html"
    page.write_text(report.read_text().replace("</main>", "<script>document.title = 'owned'</script></main>"))
    open_page(chromium, page)
    assert chromium.title != "owned"


@pytest.mark.parametrize("width", [320, 375, 768, 1280])
def test_the_page_never_scrolls_sideways(chromium: Any, report: Path, width: int) -> None:
    open_page(chromium, report, width=width)
    chromium.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page, window = chromium.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert page <= window


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_text_in_charts_is_readable(chromium: Any, report: Path, width: int) -> None:
    open_page(chromium, report, width=width)
    heights = chromium.execute_script(
        """return [...document.querySelectorAll("svg.chart text")]
             .map((text) => text.getBoundingClientRect().height).filter((height) => height > 0)"""
    )
    assert min(heights) >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(chromium: Any, report: Path, scheme: str) -> None:
    open_page(chromium, report, scheme=scheme)
    selectors = "h1, h2, p, td, th, figcaption, .legend li, .tile dt, .tile-note, svg .label, svg .tick, svg .value"
    assert min(chromium.execute_script(CONTRAST, selectors)) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marked_lines_and_filters_have_the_contrast_that_wcag_asks_for(
    chromium: Any, report: Path, scheme: str
) -> None:
    open_page(chromium, report, scheme=scheme)
    chromium.execute_script("document.querySelectorAll('details.change').forEach((one) => { one.open = true; })")
    selectors = "mark, mark span, .marked code > span span, .test-results li, .change .pair-kind, .filters button"
    assert min(chromium.execute_script(CONTRAST_ON_OWN_GROUND, f"{selectors}, .filter-shown, .change .caption")) >= 4.5


def test_dark_is_dark_and_paper_is_white(chromium: Any, report: Path) -> None:
    grounds = []
    for media, scheme in (("screen", "light"), ("screen", "dark"), ("print", "dark")):
        open_page(chromium, report, scheme=scheme, media=media)
        grounds.append(chromium.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] == grounds[2] == "rgb(255, 255, 255)"
    assert max(int(part) for part in grounds[1][4:-1].split(",")) < 40


def test_pointing_at_a_mark_tells_its_numbers(chromium: Any, report: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    open_page(chromium, report)
    mark = chromium.find_element(By.CSS_SELECTOR, "#funnel .wide rect[data-tip]")
    chromium.execute_async_script(
        """arguments[0].scrollIntoView({ behavior: "instant", block: "center" });
           requestAnimationFrame(() => requestAnimationFrame(arguments[1]));""",
        mark,
    )
    ActionChains(chromium).move_to_element(mark).perform()
    tip = chromium.find_element(By.ID, "tip")
    assert tip.is_displayed()
    assert tip.text == mark.get_attribute("data-tip")


def test_printing_opens_what_paper_cannot_unfold(chromium: Any, report: Path) -> None:
    open_page(chromium, report)
    folded = "return document.querySelectorAll('.pair:not(.change, [open]), .settings:not([open])').length"
    before = chromium.execute_script(folded)
    chromium.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert before > 0
    assert chromium.execute_script(folded) == 0
    chromium.execute_script("dispatchEvent(new Event('afterprint'))")
    assert chromium.execute_script(folded) == before


def test_printing_keeps_changed_tasks_closed(chromium: Any, report: Path) -> None:
    open_page(chromium, report, media="print")
    chromium.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert chromium.execute_script("return document.querySelectorAll('details.change[open]').length") == 0
    assert (
        chromium.execute_script("return getComputedStyle(document.getElementById('change-filters')).display") == "none"
    )


def shown_tasks(chromium: Any) -> list[dict[str, Any]]:
    """Id, change, benchmark and text of each changed task that is on the screen."""
    found = chromium.execute_script(
        """return [...document.querySelectorAll("details.change")].filter((one) => one.checkVisibility())
             .map((one) => ({ ...one.dataset, id: one.id, text: one.textContent, open: one.open }));"""
    )
    return list(found)


def press(chromium: Any, text: str) -> None:
    """Press the filter whose text begins like this with the keyboard."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    buttons = chromium.find_elements(By.CSS_SELECTOR, ".filters button")
    button = next(one for one in buttons if one.text.startswith(text))
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "true"


def num_pressed(chromium: Any) -> int:
    return int(chromium.execute_script("return document.querySelectorAll('button[aria-pressed=true]').length"))


def count_line(chromium: Any) -> str:
    return str(chromium.execute_script("return document.querySelector('.filter-shown').textContent"))


def test_filters_show_the_changed_tasks_that_they_name(chromium: Any, report: Path) -> None:
    open_page(chromium, report)
    everything = shown_tasks(chromium)
    assert {task["change"] for task in everything} == {"gained", "lost"}
    press(chromium, "Gained")
    gained = shown_tasks(chromium)
    assert gained == [task for task in everything if task["change"] == "gained"]
    assert count_line(chromium) == f"{len(gained)} of {len(everything)} tasks"
    press(chromium, "MBPP+")
    both = shown_tasks(chromium)
    assert both == [task for task in gained if task["benchmark"] == "mbpp_plus"]
    assert 0 < len(both) < len(gained)
    press(chromium, "Lost")
    assert {(task["change"], task["benchmark"]) for task in shown_tasks(chromium)} == {("lost", "mbpp_plus")}
    assert num_pressed(chromium) == 2
    press(chromium, "All benchmarks")
    press(chromium, "All")
    assert shown_tasks(chromium) == everything


def test_the_search_finds_ids_and_words_of_the_task(chromium: Any, report: Path) -> None:
    from selenium.webdriver.common.by import By

    open_page(chromium, report)
    everything = shown_tasks(chromium)
    search = chromium.find_element(By.CSS_SELECTOR, ".filters input")
    wanted = everything[-1]
    number = wanted["id"].rsplit("-", 1)[1]
    for query in (f"MBPP/{number}", f"share,  in ORDER, case {number}."):
        search.clear()
        search.send_keys(query)
        assert wanted["id"] in {task["id"] for task in shown_tasks(chromium)}
        assert len(shown_tasks(chromium)) < len(everything)
        assert count_line(chromium).startswith(f"{len(shown_tasks(chromium))} of ")
    search.clear()
    search.send_keys("no task has this text")
    assert shown_tasks(chromium) == []
    assert count_line(chromium) == f"0 of {len(everything)} tasks"


def is_in_view(chromium: Any, anchor: str) -> bool:
    """Whether the task is open and its first line is on the screen once scrolling has ended."""
    script = """const one = document.getElementById(arguments[0]);
      const [done, start] = [arguments[1], performance.now()];
      const look = () => {
        const top = one.getBoundingClientRect().top;
        const seen = one.open && top >= 0 && top < innerHeight;
        seen || performance.now() - start > 5000 ? done(seen) : requestAnimationFrame(look);
      };
      look();"""
    return bool(chromium.execute_async_script(script, anchor))


def test_an_address_with_a_task_opens_it(chromium: Any, report: Path) -> None:
    open_page(chromium, report)
    anchor = shown_tasks(chromium)[-1]["id"]
    chromium.get("about:blank")
    chromium.get(f"{report.as_uri()}#{anchor}")
    assert is_in_view(chromium, anchor)
    assert [task["id"] for task in shown_tasks(chromium) if task["open"]] == [anchor]


def test_an_id_in_the_list_opens_its_task_though_it_is_filtered_out(chromium: Any, report: Path) -> None:
    open_page(chromium, report)
    anchor = next(task["id"] for task in shown_tasks(chromium) if task["change"] == "lost")
    press(chromium, "Gained")
    link = f".changes a[href='#{anchor}']"
    chromium.execute_script("document.querySelector(arguments[0]).click()", link)
    assert is_in_view(chromium, anchor)
    # Closed again, the same link opens it again although the address stays the same.
    chromium.execute_script("document.getElementById(arguments[0]).open = false", anchor)
    chromium.execute_script("document.querySelector(arguments[0]).click()", link)
    assert is_in_view(chromium, anchor)


@pytest.mark.parametrize(("width", "is_beside"), [(375, False), (1280, True)])
def test_solutions_are_side_by_side_where_there_is_room(
    chromium: Any, report: Path, width: int, is_beside: bool
) -> None:
    open_page(chromium, report, width=width)
    sides, page = chromium.execute_script(
        """const task = document.querySelector("details.change");
           task.open = true;
           const boxes = [...task.querySelectorAll(".side")].map((one) => one.getBoundingClientRect());
           return [boxes.map((box) => [box.top, box.right]), document.documentElement.scrollWidth];"""
    )
    assert (sides[0][0] == sides[1][0]) == is_beside
    assert max(right for _, right in sides) <= page <= width


def test_without_its_script_the_page_shows_every_changed_task(chromium: Any, report: Path, tmp_path: Path) -> None:
    text = report.read_text()
    assert text.count("sha256-") == 1
    page = tmp_path / "report.html"
    page.write_text(text.replace("sha256-", "sha256-0"))  # its policy refuses the script
    open_page(chromium, page)
    assert len(shown_tasks(chromium)) == text.count('class="pair change"') > 0
    assert not chromium.execute_script("return document.getElementById('change-filters').checkVisibility()")
