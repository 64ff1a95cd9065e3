"""The page of the playground in headless Chromium: typing, a mistake, an example, a bad record, light and dark."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

CONFIG = """where = "n != 3"
columns = { id = { path = "id", required = true }, n = { path = "n", type = "int64" } }
"""
SAMPLE = '{"id":"a","n":1}\n{"n":2}\n{"id":"c","n":3}\n'


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """The playground in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("play")
    (home / "c.toml").write_text(CONFIG)
    (home / "s.jsonl").write_text(SAMPLE)
    command = [sys.executable, "-m", "fastxform", "play", "c.toml", "s.jsonl", "--no-browser", "--port", str(port)]
    # NiceGUI has a mode of its own under pytest.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with subprocess.Popen(command, cwd=home, env=environment, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        assert running.poll() is None, running.stderr.read()
        yield port
        running.send_signal(signal.SIGINT)
        running.wait(30)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a screen."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver, "the page is tried in Chromium; on Debian: apt-get install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000"):
        options.add_argument(argument)
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


@pytest.fixture
def page(browser, port):
    """The page, after the sample was run."""
    browser.get(f"http://127.0.0.1:{port}/")
    wait_for(browser, "1 ProcessingFailed")
    return browser


def wait_for(browser, text):
    WebDriverWait(browser, 60).until(lambda one: text in one.find_element(By.TAG_NAME, "body").text)


def type_at_the_start(browser, text):
    """Type into the configuration."""
    browser.find_element(By.CSS_SELECTOR, ".cm-content").click()
    keys = webdriver.ActionChains(browser)
    keys.key_down(Keys.CONTROL).send_keys(Keys.HOME).key_up(Keys.CONTROL).send_keys(text).perform()


def test_a_bad_record_shows_its_reason(page):
    """Beside those that became rows."""
    text = page.find_element(By.TAG_NAME, "body").text
    assert "required:id: the column is required and null" in text
    assert "a,1" in text
    assert "no mistakes" in text


def test_a_mistake_is_shown_at_its_line_while_one_types(page):
    """And goes when it is corrected."""
    type_at_the_start(page, "whe = 1\n")
    wait_for(page, "line 1: whe: unknown key; did you mean where?")
    assert [line.text for line in page.find_elements(By.CSS_SELECTOR, ".fx-mistake")] == ["whe = 1"]
    type_at_the_start(page, Keys.DELETE * 8)
    wait_for(page, "no mistakes")


def test_a_record_becomes_a_test_by_a_click(page):
    """At the end of the configuration."""
    page.find_element(By.XPATH, "//button[contains(., 'Make a test')]").click()
    wait_for(page, "record 1 is a test now")


def test_an_example_takes_the_place_of_both_texts(page):
    """With its rows."""
    page.find_element(By.CSS_SELECTOR, ".q-select").click()
    option = WebDriverWait(page, 60).until(lambda one: one.find_element(By.XPATH, "//*[@role='option'][.='ticker']"))
    option.click()
    wait_for(page, "Dropped")
    wait_for(page, "processed_ms")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_editors_are_as_the_browser_prefers(browser, port, scheme):
    """Dark beside dark, light beside light."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(f"http://127.0.0.1:{port}/")
    wait_for(browser, "1 ProcessingFailed")
    colour = "return getComputedStyle(document.querySelector('.cm-editor')).backgroundColor"
    WebDriverWait(browser, 60).until(lambda one: (_brightness(one.execute_script(colour)) < 128) == (scheme == "dark"))


def _brightness(colour):
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]
    return 255 if len(numbers) == 4 and numbers[3] == 0 else sum(numbers[:3]) / 3


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}], ids=list)
def test_another_site_gets_nothing(port, headers):
    """403, and not a byte of the page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (403, b"This page is for its own machine only.\n")
    connection.close()
