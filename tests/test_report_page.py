"""The page of `dnsscan report` in a real browser (Debian's Chromium), opened from disk as a reader would.

With --screenshots the pictures of the README are made anew, under docs/images/.
"""

import base64
import json
import re
from pathlib import Path

import lines as made
import pytest
from command import ROOT, scan, wait_for
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select
from servers import program
from test_report import hostile

ARGUMENTS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --hide-scrollbars --window-size=1180,900""".split()
IMAGES = ROOT / "docs" / "images"
IMAGE_MAX = 300_000  # octets


@pytest.fixture(scope="module")
def browser():
    """One for the module; it logs what it asks for and what its console says."""
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium")
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(program("chromedriver"))) as chrome:
        yield chrome


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """Three pages, made by the command: one of a good scan, one of hostile lines, one of names that registries know."""
    good = made.lines(40_000)
    paths = {}
    for name, rows, run in (("good", good, made.run(good)), ("hostile", *hostile()), ("confirmed", confirmed(), {})):
        folder = tmp_path_factory.mktemp(name)
        (folder / "run.json").write_text(json.dumps(run))
        results = made.write(folder / "results.jsonl", rows)
        paths[name] = folder / "page.html"
        done = scan("report", results, "--stats", folder / "run.json", "-o", paths[name])
        assert done.code == 0, done.err
    return paths


def confirmed() -> list[dict]:
    """Lines of `dnsscan confirm`; every third name is free."""
    free, held = {"c": "free", "via": "rdap"}, {"c": "registered", "via": "rdap", "st": ["pendingDelete"]}
    return [{"d": f"name{n:04}.{made.TLDS[n % 5]}", "s": "nxdomain", "r": 3, "re": False, "ms": 9,
             **(free if n % 3 == 0 else held)} for n in range(1500)]  # fmt: skip


@pytest.fixture
def look(browser, pages):
    """`look("good", width=360, theme="dark", scripts=False)` opens a page and gives the browser."""

    def opened(name: str, *, width: int = 1180, theme: str = "light", scripts: bool = True) -> webdriver.Chrome:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        colours = [{"name": "prefers-color-scheme", "value": theme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": colours})
        for log in ("browser", "performance"):
            browser.get_log(log)
        browser.get(pages[name].as_uri())
        return browser

    return opened


def requests(browser: webdriver.Chrome) -> list[str]:
    """Every address that was asked for since the page was opened."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def press(browser: webdriver.Chrome, ident: str) -> None:
    """A click where the page has come to rest: it scrolls smoothly, away from under the pointer."""
    button = browser.find_element(By.ID, ident)
    browser.execute_script("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", button)
    button.click()


def shown_rows(browser: webdriver.Chrome) -> list[str]:
    """The texts of the rows of the table of names that can be seen."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#names tbody tr')]"
        ".filter(row => row.offsetHeight).map(row => row.innerText)"
    )


@pytest.mark.parametrize("name", ["good", "hostile"])
def test_the_page_opens_without_a_word_in_the_console_and_loads_nothing(look, pages, name):
    chrome = look(name)

    assert chrome.get_log("browser") == []
    assert requests(chrome) == [pages[name].as_uri()]


@pytest.mark.parametrize(("width", "size", "drawn"), [(1180, "wide", 880), (360, "narrow", 320)])
def test_every_chart_is_drawn_in_the_size_of_the_page(look, width, size, drawn):
    boxes = look("good", width=width).execute_script(
        "const marks = box => [...box.querySelectorAll('[aria-label]')].filter(it => it.getBoundingClientRect().width);"
        "return [...document.querySelectorAll('div[role=img]')]"
        ".map(box => [box.className, box.offsetWidth, box.offsetHeight, marks(box).length])"
    )

    seen = [box for box in boxes if box[2] > 0]
    assert len(boxes) == 2 * len(seen) == 20
    assert {box[0].split()[0] for box in seen} == {size}
    assert all(box[1] >= drawn and box[2] >= 10 and box[3] >= 3 for box in seen), seen


def test_colours_are_those_of_the_reader_in_the_drawings_too(look):
    ask = ("const mark = document.querySelector('figure .wide [fill=\"var(--taken)\"]'), style = getComputedStyle;"
           "return [style(document.body).backgroundColor, style(document.body).color, style(mark).fill]")  # fmt: skip

    light, dark = (look("good", theme=theme).execute_script(ask) for theme in ("light", "dark"))

    assert all(one != other for one, other in zip(light, dark, strict=True)), (light, dark)
    assert (light[0], light[2]) == ("rgb(255, 255, 255)", "rgb(58, 116, 180)")


COLLIDING = """
const overlap = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
return [...document.querySelectorAll("figure svg")].flatMap(svg => {
  const texts = [...svg.querySelectorAll("text")].filter(it => it.textContent && it.getBoundingClientRect().width);
  const boxes = texts.map(it => it.getBoundingClientRect());
  return texts.flatMap((it, at) => texts.slice(0, at).filter((_, before) => overlap(boxes[at], boxes[before]))
    .map(other => `${it.textContent} / ${other.textContent}`));
});"""


@pytest.mark.parametrize("name", ["good", "hostile", "confirmed"])
def test_nothing_is_cut_on_a_telephone_and_no_labels_collide(look, name):
    chrome = look(name, width=360)

    assert chrome.execute_script("return [document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    assert chrome.execute_script(
        "return [...document.querySelectorAll('.scroll')].filter(it => it.scrollWidth > it.clientWidth + 1)"
        ".map(it => it.ariaLabel)") == []  # fmt: skip
    assert chrome.execute_script(COLLIDING) == []


PRINTED = """
const style = it => getComputedStyle(it), seen = it => it.getClientRects().length > 0;
const which = (query, test) => [...document.querySelectorAll(query)].filter(it => seen(it) && test(it))
  .map(it => it.outerHTML.slice(0, 80));
return {
  colours: [style(document.body).backgroundColor, style(document.body).color],
  pressed: which("nav, a.skip, input, select, button, summary, #tip", () => true),
  cut: which("section *", it => it.getBoundingClientRect().right > innerWidth + 1),
  scrolled: which(".scroll, .tall", it => it.scrollHeight > it.clientHeight + 1 || it.scrollWidth > it.clientWidth + 1),
  orphans: which("h2, h3, figcaption", it => style(it).breakAfter !== "avoid"),
};"""


@pytest.mark.parametrize("name", ["good", "hostile", "confirmed"])
def test_on_paper_it_is_dark_on_white_and_nothing_is_cut_or_there_to_be_pressed(look, name):
    chrome = look(name, width=680, theme="dark")  # what an A4 sheet has between its margins
    sheet = {"printBackground": False, "paperWidth": 8.27, "paperHeight": 11.69}
    page = chrome.execute_cdp_cmd("Page.printToPDF", sheet)
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": [
        {"name": "prefers-color-scheme", "value": "dark"}]})  # fmt: skip
    try:
        found, colliding = chrome.execute_script(PRINTED), chrome.execute_script(COLLIDING)
    finally:
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    assert found == {"colours": ["rgb(255, 255, 255)", "rgb(0, 0, 0)"], "pressed": [], "cut": [], "scrolled": [],
                     "orphans": []}  # fmt: skip
    assert colliding == []
    assert len(re.findall(rb"/Type /Page\b", base64.b64decode(page["data"]))) <= 12


def test_the_free_names_are_searched_and_saved(look, tmp_path):
    chrome = look("confirmed")
    chrome.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    shown = "return document.getElementById('free').textContent.split('\\n').filter(Boolean)"
    every = chrome.execute_script(shown)

    chrome.find_element(By.ID, "free-search").send_keys("9.DE")
    found = chrome.execute_script(shown)
    said = chrome.find_element(By.ID, "free-found").text
    press(chrome, "free-save")
    wait_for((tmp_path / "free.txt").exists)
    press(chrome, "free-copy")
    wait_for(lambda: "copied" in chrome.find_element(By.ID, "free-found").text)

    assert every == sorted(row["d"] for row in confirmed() if row["c"] == "free")
    assert found == [name for name in every if "9.de" in name]
    assert said == f"{len(found)} of 500 names"
    assert (tmp_path / "free.txt").read_text().split() == found
    assert chrome.get_log("browser") == []


def test_the_names_are_narrowed_by_what_is_typed_and_chosen(look):
    chrome = look("good")
    every = len(shown_rows(chrome))
    search = chrome.find_element(By.ID, "search")

    Select(chrome.find_element(By.ID, "group")).select_by_visible_text("error servfail")
    chosen = shown_rows(chrome)
    search.send_keys(".COM")
    both = shown_rows(chrome)
    said = chrome.find_element(By.ID, "found").text
    search.clear()
    search.send_keys("no such name")

    assert len(chosen) == 20 < every
    assert all("servfail" in row for row in chosen)
    assert 0 < len(both) < len(chosen)
    assert all(".com" in row for row in both)
    assert said == f"{len(both)} of {every} names"
    assert shown_rows(chrome) == []


def test_the_keyboard_reaches_everything(look):
    chrome = look("good")
    reached = []
    for _ in range(40):
        ActionChains(chrome).send_keys(Keys.TAB).perform()
        reached.append(
            chrome.execute_script("const it = document.activeElement; return it.id || it.className || it.tagName")
        )

    assert reached[0] == "skip"
    assert {"A", "SUMMARY", "scroll", "search", "group", "scroll tall"} <= set(reached)


def test_a_mark_says_its_figures_under_the_pointer(look):
    chrome = look("good")
    mark = chrome.find_element(By.CSS_SELECTOR, "#time .wide [aria-label*='taken']")
    tip = chrome.find_element(By.ID, "tip")

    ActionChains(chrome).move_to_element(mark).perform()
    said = tip.text
    ActionChains(chrome).move_to_element(chrome.find_element(By.TAG_NAME, "h1")).perform()

    assert said == mark.get_attribute("aria-label")
    assert said.endswith("lines/s")
    assert not tip.is_displayed()


def test_hostile_names_show_as_text_and_run_nothing(look):
    chrome = look("hostile")

    assert chrome.execute_script("return [typeof hacked, document.scripts.length, document.title]") == [
        "undefined", 1, r"3 names under .<script>hacked=1</scrip… and .example: scan report",
    ]  # fmt: skip
    assert r"<script>hacked=1</script>\u202e\u2066" in shown_rows(chrome)[0]
    assert chrome.execute_script("return document.body.innerText.includes('\u202e')") is False


def test_tables_and_charts_are_there_where_scripts_are_off(look):
    chrome = look("good", scripts=False)

    nodes = chrome.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    names = {node["name"]["value"] for node in nodes if not node["ignored"] and node.get("name")}

    assert roles.count("table") == 6  # as many more are in closed details
    assert roles.count("row") > 200
    assert roles.count("image") == 10
    assert {"1 proxy of 10 did badly", "Settings that differ from the defaults", "error servfail".split()[1]} <= names
    assert "searchbox" not in roles


def test_it_is_printed_in_the_colours_of_paper(look):
    chrome = look("good", theme="dark")
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

    background, tools, rows = chrome.execute_script(
        "return [getComputedStyle(document.documentElement).getPropertyValue('--paper'),"
        " document.getElementById('tools').offsetHeight,"
        " [...document.querySelectorAll('#names tbody tr')].filter(row => row.offsetHeight).length]"
    )
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    assert (background, tools) == ("#ffffff", 0)
    assert rows <= 5 * 16


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_its_picture_is_not_empty_and_small_enough_for_the_readme(look, theme, tmp_path, request):
    chrome = look("good", theme=theme)
    taken = chrome.execute_cdp_cmd(
        "Page.captureScreenshot",
        {"captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "width": 1180, "height": 2060, "scale": 1}},
    )
    picture = base64.b64decode(taken["data"])
    folder = IMAGES if request.config.getoption("--screenshots") else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"report-{theme}.png").write_bytes(picture)

    assert 50_000 < len(picture) < IMAGE_MAX
