"""A served explorer and a browser, and how tests look into the page."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class Server(NamedTuple):
    """A running `qpcjax explore`: its address, the token that opens it, and its process."""

    address: str
    token: str
    process: int

    def entrance(self, **query):
        """The address that the command prints, with more in its query."""
        more = "".join(f"&{name}={value}" for name, value in query.items())
        return f"{self.address}/?token={self.token}{more}"


@contextlib.contextmanager
def served(folder, *options):
    """A server of its own process, which ends with the context; its log is in a folder."""
    need("marimo")
    log = folder / "log"
    command = [sys.executable, "-m", "qpcjax", "explore", "--port", "0", "--no-browser", *options]
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    try:
        printed = until(lambda: re.search(r"(http://\S+)/\?token=(\S+)", log.read_text()), 60)
        yield Server(printed[1], printed[2], process.pid)
    finally:
        process.terminate()
        process.wait(20)


def need(*modules):
    """Skip a test for which a module is not installed."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"the page needs {module}: pip install -e '.[test]'")


@contextlib.contextmanager
def chromium(folder, size=(1400, 900)):
    """A new Chromium that knows nothing, and downloads to a folder."""
    need("selenium")
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            pytest.skip(f"the page needs {program}: apt-get install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    window = "--window-size={},{}".format(*size)
    for flag in (*FLAGS, window, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.binary_location = str(shutil.which("chromium"))
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options, service)
    try:
        yield driver
    finally:
        driver.quit()


def until(look, seconds):
    """What `look` returns as soon as that is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"nothing came within {seconds} s"
        time.sleep(0.1)
    return found


def deep(browser, selector):
    """The elements that a selector finds, inside of custom elements as well."""
    script = """
    const found = [];
    const search = root => {
      found.push(...root.querySelectorAll(arguments[0]));
      root.querySelectorAll('*').forEach(e => e.shadowRoot && search(e.shadowRoot));
    };
    search(document);
    return found;
    """
    return browser.execute_script(script, selector)


def click(browser, element):
    """A click in the middle of the window, where nothing lies above."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def text(browser, name):
    """What the element with an id says; None without it."""
    return browser.execute_script(
        "return (document.getElementById(arguments[0]) || {}).textContent", name
    )
