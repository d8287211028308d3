"""One server for the tests of this folder, and a new browser for each of them."""

import pages
import pytest


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A running explorer."""
    with pages.served(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def browser(tmp_path):
    """A browser of the test's own, which downloads to tmp_path."""
    with pages.chromium(tmp_path) as driver:
        yield driver
