"""The page and who reads it, in a real browser: what is open, chosen, typed or selected is left alone by what comes in the meantime."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from pageworld import MINUTE_MS, agent, browse, call, life, row, updates  # noqa: F401: two are fixtures


@pytest.fixture
def shop(agent):
    """A program with a life, an open call and one that is over."""
    agent.lives = [life(1, agent.now_ms - 60 * MINUTE_MS, agent.now_ms)]
    agent.calls = [call(1, agent.now_ms - 50 * MINUTE_MS, resolved_ms=agent.now_ms - 45 * MINUTE_MS), call(2, agent.now_ms - 30 * MINUTE_MS)]
    return agent


# ---- one program

def test_an_inspection_that_is_open_stays_open_and_is_asked_for_once(shop, browse):
    browser = browse("?program=shop")
    browser.wait("return document.querySelector('.call details summary')")
    browser.run("document.querySelector('.call details summary').click()")
    browser.wait("return document.querySelector('.call details .call')?.textContent.includes('it ended meanwhile')")
    browser.run("window.kept = document.querySelector('.call details .call')")
    shop.calls[1]["because"] = ["nobody receives any more"]
    browser.wait("return document.querySelector('section.call').textContent.includes('nobody receives any more')")
    updates(shop, browser)
    assert browser.run("return kept.isConnected && kept.closest('details').open && kept.textContent.includes('it ended meanwhile')")


def test_calls_that_are_over_stay_in_sight_when_another_one_comes(shop, browse):
    browser = browse("?program=shop")
    browser.wait("return document.querySelector('details > section.call')")
    browser.run("document.querySelector('details > section.call').parentElement.firstChild.click()")
    shop.calls.append(call(3, shop.now_ms, title="another one"))
    browser.wait("return document.querySelector('section.call').textContent.includes('another one')")
    assert browser.run("return document.querySelector('details > section.call').checkVisibility()")
    assert browser.run("return document.querySelectorAll('section.call').length") == 3


def test_the_keyboard_stays_where_it_is(shop, browse):
    browser = browse("?program=shop")
    browser.wait("return document.querySelector('.call details summary')")
    for wanted in ("document.querySelector('.call details summary')", "document.querySelectorAll('[aria-label=span] button')[2]", "document.getElementById('metric')"):
        browser.run(f"window.wanted = {wanted}; wanted.focus()")
        updates(shop, browser)
        assert browser.run("return document.activeElement === wanted"), wanted


def test_text_that_is_selected_waits_and_the_rest_goes_on(shop, browse):
    browser = browse("?program=shop")
    browser.wait("return document.querySelector('.call .mono')")
    browser.run("getSelection().selectAllChildren(document.querySelector('.call .mono'))")
    shop.calls[1].update(title="has become worse", cause="blocked-goroutines main.other other.go:1")
    shop.lives[0]["pid"] = 7777
    browser.wait("return document.querySelector('main').innerText.includes('7777')")
    assert browser.run("return getSelection().toString().trim()") == "main.publish metrics.go:56"
    browser.run("getSelection().removeAllRanges()")
    browser.wait("return document.querySelector('main').innerText.includes('has become worse') && document.querySelector('.call .mono').textContent.includes('other.go')")


def test_what_stays_the_same_is_not_made_anew(shop, browse):
    browser = browse("?program=shop")
    browser.wait("return document.querySelector('.call .mono')")
    updates(shop, browser, 1)
    browser.run("""window.gone = [];
        new MutationObserver((changes) => changes.filter((change) => !change.target.closest('.chart'))
            .forEach((change) => change.removedNodes.forEach((node) => gone.push(node.outerHTML || node.data))))
            .observe(document.getElementById('main'), { childList: true, subtree: true });""")
    updates(shop, browser, 3)
    assert browser.run("return gone") == []


def test_a_failure_that_passes_leaves_the_page_as_it_was(shop, browse):
    browser = browse("?program=shop")
    browser.wait("return document.querySelector('.call .mono')")
    browser.run("window.kept = document.querySelector('section.call')")
    shop.broken = "the store cannot be read now"
    browser.wait("return document.getElementById('notes').innerText.includes('cannot be read now')")
    shop.broken = None
    browser.wait("return !document.getElementById('notes').innerText.includes('cannot be read now')")
    assert browser.run("return kept.isConnected")


def test_a_chart_that_is_pointed_at_keeps_telling_and_a_drag_goes_on(shop, browse):
    browser = browse("?program=shop&range=1h")
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    chart = browser.driver.find_element(By.CSS_SELECTOR, ".chart")
    ActionChains(browser.driver).move_to_element(chart).perform()
    told = browser.wait("return document.querySelector('.chart .dygraph-legend').innerText")
    updates(shop, browser)
    assert browser.run("return document.querySelector('.chart .dygraph-legend').innerText") == told and "resident" in told
    ActionChains(browser.driver).click_and_hold().move_by_offset(60, 0).perform()
    pixel = "return document.querySelectorAll('.chart canvas')[1].getContext('2d').getImageData({}, 60, 1, 1).data[3]".format(chart.size["width"] // 2 + 30)
    browser.wait(pixel)
    updates(shop, browser)
    assert browser.run(pixel), "the span that is being chosen is still marked"
    ActionChains(browser.driver).move_by_offset(60, 0).release().perform()
    browser.wait("return new URLSearchParams(location.search).has('from')")


def test_what_is_long_makes_the_page_no_wider(shop, browse):
    """An executable, a release and a service of more letters than any screen has room for."""
    shop.lives[0].update(exe="/srv/" + "very-long-folder" * 15 + "/shop", release="v1." + "0" * 250, blind="no right to read " + "x" * 250)
    shop.calls[1].update(title="t" * 250, because=["b" * 250], fix="f" * 250)
    name = "n" * 250
    shop.rows = [row(name, unit="u" * 200 + ".service", why="w" * 250, release="v1." + "0" * 250)]
    for width in (390, 1280):
        for query in ("?program=" + name, ""):
            browser = browse(query, width=width, height=800, phone=width < 500)
            browser.wait("return document.querySelector('.call .mono') || document.querySelector('tr.pick')")
            assert browser.run("return document.documentElement.scrollWidth") <= width, query
            if not query:
                assert browser.run("const list = document.querySelector('.scroll'); return list.scrollWidth <= list.clientWidth"), "all columns are in sight"
            else:
                assert browser.run("return document.querySelector('.facts').title.endsWith('/shop') && document.querySelector('.facts').innerText.split('\\n')[0].endsWith('/shop')")


# ---- the list

def test_a_phone_is_told_all_counts(agent, browse):
    agent.rows = [row("a")]
    browser = browse("", width=390, height=800, phone=True)
    browser.wait("return document.querySelector('tr.pick')")
    shown = browser.run("return [...document.querySelectorAll('tr.pick td[data-label]')].filter((cell) => cell.checkVisibility()).map((cell) => [cell.dataset.label, cell.innerText])")
    assert dict(shown) == {"release": "v1.4.2", "rss": "50.0 MiB", "heap live": "30.0 MiB", "goroutines": "12", "deferred": "3"}


def test_the_list_keeps_what_is_open_and_the_row_that_the_keyboard_is_at(agent, browse):
    agent.rows = [row("a"), row("b"), row("c"), row("old", running=0, state="ended")]
    browser = browse()
    browser.wait("return document.querySelectorAll('tr.pick').length === 4")
    body = browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys("jj")
    at = "return document.activeElement.closest('tr.pick')?.dataset.key"
    assert browser.run(at) == "b"
    browser.run("document.querySelector('details summary').click()")
    agent.rows = [row("b", state="leaking"), row("c"), row("a", now={**row("a")["now"], "goroutines": 77}), row("old", running=0, state="ended")]
    browser.wait("return document.querySelector('tr.pick').dataset.key === 'b'")
    updates(agent, browser)
    assert browser.run(at) == "b" and browser.run("return document.querySelector('details').open")
    browser.driver.switch_to.active_element.send_keys("j")
    assert browser.run(at) == "c"
    assert browser.run("return document.querySelector('tr.pick[data-key=a]').innerText.includes('77')")


def test_enter_opens_the_row_and_one_step_back_leaves_it(agent, browse):
    agent.rows = [row("a"), row("b")]
    agent.lives = [life(1, agent.now_ms - 60 * MINUTE_MS, agent.now_ms)]
    browser = browse()
    browser.wait("return document.querySelectorAll('tr.pick').length === 2")
    before = browser.run("return history.length")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys("jj")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    browser.wait("return document.querySelector('h1')?.textContent === 'b'")
    assert browser.run("return history.length") == before + 1
    browser.driver.back()
    browser.wait("return document.querySelectorAll('tr.pick').length === 2")


def test_what_is_typed_filters_and_goes_on_filtering(agent, browse):
    agent.rows = [row("alpha"), row("beta"), row("bet")]
    browser = browse()
    browser.wait("return document.querySelectorAll('tr.pick').length === 3")
    browser.driver.find_element(By.TAG_NAME, "body").send_keys("/")
    browser.driver.switch_to.active_element.send_keys("bet")
    updates(agent, browser)
    browser.driver.switch_to.active_element.send_keys("a")
    updates(agent, browser)
    assert browser.run("return [...document.querySelectorAll('tr.pick')].map((row) => row.dataset.key)") == ["beta"]
