"""Timing, and numbers as they stand in a table."""

import statistics
import time

import jax


def timed(function, repeat=5):
    """Seconds of the first call, which may compile, and the median of the following ones."""

    def once():
        start = time.perf_counter()
        jax.block_until_ready(function())
        return time.perf_counter() - start

    first = once()
    return first, statistics.median(once() for _ in range(repeat))


def number(value, digits=3):
    """A number with so many significant digits, without an exponent."""
    return f"{value:.{digits}g}" if value < 1000 else f"{value:,.0f}"
