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
CONTRAST = """
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll(arguments[0])].map((one) => {
    const style = getComputedStyle(one);
    const ink = luminance(one instanceof SVGElement ? style.fill : style.color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  });
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
    for log in ("browser", "performance"):
        chromium.get_log(log)
    chromium.get(page.as_uri())


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
    folded = "return document.querySelectorAll('details.pair:not([open]), details.settings:not([open])').length"
    before = chromium.execute_script(folded)
    chromium.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert before > 0
    assert chromium.execute_script(folded) == 0
    chromium.execute_script("dispatchEvent(new Event('afterprint'))")
    assert chromium.execute_script(folded) == before
