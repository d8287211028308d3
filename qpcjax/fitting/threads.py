"""Work on two cores at once: compiling and computing leave the lock of the interpreter open."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import jax


@contextmanager
def second_thread() -> Iterator[Callable[..., Future]]:
    """Hand out `start(function, *arguments, **named)`, which runs it in a second thread.

    It returns a `Future`. At the end of the block the thread is waited for, and what nobody asked
    for is dropped before it begins.
    """
    double = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]

    def one(function, arguments, named):
        with jax.enable_x64(double):  # a thread has the precision of the process, not of its caller
            return function(*arguments, **named)

    def start(function, *arguments, **named):
        return thread.submit(one, function, arguments, named)

    thread = ThreadPoolExecutor(1)
    try:
        yield start
    finally:
        thread.shutdown(cancel_futures=True)


def side_by_side(function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
    """A function of each argument, two at a time."""
    if len(arguments) == 1:
        return [function(arguments[0])]
    with second_thread() as start:
        others = [start(function, argument) for argument in arguments[1::2]]
        own = [function(argument) for argument in arguments[::2]]
        return [others[k // 2].result() if k % 2 else own[k // 2] for k in range(len(arguments))]
