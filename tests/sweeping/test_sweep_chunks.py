"""How a grid is divided into chunks, and a chunk's file."""

import math
import zlib

import numpy as np
import pytest

from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.zarr_group import decoded, encoded


def test_blocks_are_runs_of_the_flat_grid():
    for shape in [(60,), (3, 4, 5), (7, 1, 8), (1, 2), (2, 13, 3)]:
        size = math.prod(shape)
        flat = np.arange(size).reshape(shape)
        for most in range(1, size + 2):
            chunks = Chunks.of(shape, most)
            numbers = range(chunks.count)
            runs = [flat[chunks.box(k)].ravel() for k in numbers]
            np.testing.assert_array_equal(np.concatenate(runs), np.arange(size))
            assert [(run[0], run[-1] + 1) for run in runs] == [chunks.bounds(k) for k in numbers]
            assert max(run.size for run in runs) == chunks.size <= most
            of = np.repeat(numbers, [run.size for run in runs])
            np.testing.assert_array_equal(chunks.at(np.arange(size)), of)
            assert [chunks.number(chunks.key(k)) for k in numbers] == list(numbers)
            assert len({chunks.key(k) for k in numbers}) == chunks.count
            assert {chunks.number(key) for key in ("", "0", ".zarray", "0.9.0.0", "99.0.0")} == {
                0 if len(shape) == 1 else None,
                None,
            }


@pytest.mark.parametrize("count", [1, 8191, 8192, 20_000])
def test_a_chunk_is_what_zlib_reads(count):
    values = np.random.default_rng(3).normal(size=count)
    for size in (count, count + 9000):
        content = b"".join(encoded(values, size))
        whole = np.frombuffer(zlib.decompress(content), "<f8")
        np.testing.assert_array_equal(whole, [*values, *[np.nan] * (size - count)])
        np.testing.assert_array_equal(decoded(content, size), whole)
        with pytest.raises(ValueError, match="numbers were wanted"):
            decoded(content, size + 1)
        with pytest.raises(ValueError, match="incomplete or truncated"):
            decoded(content[:-1], size)


def test_chunks_fill_the_grid():
    # Not one for each row of a long and narrow grid.
    assert Chunks.of((1000, 1000), 10_000).chunk == (10, 1000)
    assert Chunks.of((5, 21_000), 10_000).chunk == (1, 7000)
    assert Chunks.of((101, 7), 200).chunk == (17, 7)  # 102 rows; pieces of 28 would make 112
    assert Chunks.of((10**9,), 1 << 19) == Chunks((10**9,), (500_000,))
