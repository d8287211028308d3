"""What the tests of stored sweeps share."""

import pytest
from small_sweeps import run

from qpcjax.sweeping import store


@pytest.fixture(scope="module")
def whole():
    return run(None)["transmission"]


@pytest.fixture
def written(monkeypatch):
    """Numbers of the chunks that are written, three at a time on whatever machine."""
    monkeypatch.setattr("qpcjax.sweeping.run.chunks_at_once", lambda: 3)
    numbers, write = [], store.Store.write

    def counted(self, number, values):
        numbers.append(number)
        write(self, number, values)

    monkeypatch.setattr(store.Store, "write", counted)
    return numbers
