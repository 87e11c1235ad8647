"""The report as a page, in a real browser: it says what the report says, asks nobody for anything, and names that are HTML do nothing."""

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from browser import Browser
from seepcli import seep


def write_page(target, folder, *options):
    page = folder / "report.html"
    done = seep("inspect", str(target.pid), "--json", "--html", page, "--pause", "10s", *options)
    assert done.status in (0, 1), str(done)
    return page, done.docs[0]


@pytest.fixture
def browser():
    """A function that opens a page from the disk; a request of any kind would be a complaint of its policy."""
    opened = []

    def open_page(page, **how):
        opened.append(Browser(**how))
        opened[-1].driver.get(f"file://{page}")
        return opened[-1]

    yield open_page
    for one in opened:
        one.stop()


def test_findings_and_groups(start, tmp_path, browser):
    """Title, grade, reasons, fix: as in the JSON of the same run."""
    target = start("tale-send")
    target.wait_leaked(50)
    page, doc = write_page(target, tmp_path)
    shown = browser(page)
    text = shown.run("return document.body.innerText")
    assert shown.complaints() == [] and doc["findings"]
    for finding in doc["findings"]:
        assert finding["grade"] in text and finding["title"] in text
        for line in (*finding["because"], finding["fix"], finding["at"]["function"]):
            assert line.split("   ")[0] in text, line
    assert shown.run("return performance.getEntriesByType('resource').length") == 0


def test_names_as_in_the_text_report(start, tmp_path, browser):
    """Of goroutines the user's frame, where one sleeps and where one is Go's own; what several hold is said to be so."""
    target = start("growing", "-kind", "shared", mode="symbols")
    page, _ = write_page(target, tmp_path, "--for", "0")
    text = seep("inspect", str(target.pid), "--for", "0", "--pause", "10s").stdout
    shown = browser(page)
    titles = shown.run("return Array.from(document.querySelectorAll('.icicle title')).map(t => t.textContent)")
    assert any(title.startswith("several holders of main.server ") for title in titles), titles
    assert not any(title.startswith("several holders of main.session") for title in titles), titles
    (grid,) = [one for one in shown.driver.find_elements(By.TAG_NAME, "table") if "who started them" in one.text]
    for name in ("main.serve", "main.look", "main.untilAsked"):
        assert f"   {name}   growing/main.go:" in grid.get_attribute("textContent") and name in text, (name, grid.get_attribute("textContent"), text)
    assert "time.Sleep" not in grid.text and shown.complaints() == []


@pytest.mark.parametrize("how", [{}, {"dark": True}, {"phone": True, "width": 390, "height": 800}])
def test_holders_to_click_through(start, tmp_path, browser, how):
    """A click goes in, Escape goes out; nothing is wider than the page."""
    page, _ = write_page(start("holders", mode="symbols"), tmp_path, "--for", "0")
    shown = browser(page, **how)
    (cache,) = [g for g in shown.driver.find_elements(By.CSS_SELECTOR, ".icicle g")
                if g.find_element(By.TAG_NAME, "title").get_attribute("textContent").startswith("main.cache")]
    cache.click()
    crumbs = shown.driver.find_element(By.CSS_SELECTOR, ".crumbs").text
    assert "all that is held" in crumbs and "main.cache" in crumbs and "6." in crumbs
    shown.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert "main.cache" not in shown.driver.find_element(By.CSS_SELECTOR, ".crumbs").text
    assert shown.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert shown.complaints() == []


def test_hostile_names(start, tmp_path, browser):
    """What is in the data can end neither its element nor the text report, and is never taken for HTML."""
    page, _ = write_page(start("holders", mode="symbols"), tmp_path, "--for", "0")
    source = page.read_text()
    hostile = "</script></pre><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    escaped = json.dumps(hostile)[1:-1].replace("<", "\\u003c")
    assert source.count('"main.cache"') >= 1
    page.write_text(source.replace('"name":"main.cache"', f'"name":"{escaped}"'))
    shown = browser(page)
    assert shown.driver.title.startswith("holders") and shown.complaints() == []
    titles = shown.run("return Array.from(document.querySelectorAll('.icicle title')).map(t => t.textContent)")
    assert any(title.startswith(hostile) for title in titles)


def test_escaped_by_seep(run, build, tmp_path, browser):
    """A program whose own name is HTML."""
    name = tmp_path / "<img src=x onerror=alert(1)>&amp;"
    name.write_bytes(build("holders").read_bytes())
    name.chmod(0o755)
    page, _ = write_page(run(name), tmp_path, "--for", "0")
    data = page.read_text().split('id="data">')[1].split("</script>")[0]
    assert "\\u003cimg" in data and "<" not in data
    shown = browser(page)
    assert shown.driver.find_element(By.TAG_NAME, "h1").text == name.name
    assert shown.driver.find_elements(By.TAG_NAME, "img") == [] and shown.complaints() == []


def test_without_scripts(start, tmp_path):
    """The text report is in the page; without an instant it says why nothing is known of the heap."""
    target = start("tale-send")
    target.wait_leaked(20)
    page, doc = write_page(target, tmp_path, "--pause", "0")
    source = page.read_text()
    assert doc["findings"][0]["title"].replace("&", "&amp;") in source[source.index("<pre>"):source.index("</pre>")]
    assert page.stat().st_mode & 0o777 == 0o600


def test_one_target_one_file(start, tmp_path):
    first, second = start("holders"), start("tale-send")
    done = seep("inspect", str(first.pid), str(second.pid), "--html", tmp_path / "x.html")
    assert "--html is for one target" in done.error()
    done = seep("inspect", str(first.pid), "--html", tmp_path / "no" / "such" / "x.html", "--for", "0", "-q")
    assert done.status == 2 and "x.html" in done.stderr
