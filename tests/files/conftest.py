"""What the tests of the readers share."""

import pytest


@pytest.fixture
def table(tmp_path):
    """Write text, or bytes, to a file and return its path."""

    def write(content, name="trace.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
