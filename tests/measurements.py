"""What the tests of the readers share: a measurement, and how a refusal is looked at."""

import os

import numpy as np
import pytest

from qpcjax.files import InputError

# Who may read and write everything: what is refused to others cannot be tested.
SUPERUSER = hasattr(os, "geteuid") and os.geteuid() == 0

# Gate voltages as they are set, and a staircase that has every digit a float can have.
GATE = np.linspace(-1.5, -0.5, 41)[::-1]  # V, falling
CONDUCTANCE = 77.48091729863648e-6 / (1 + np.exp(-9 * (GATE + 1.0))) * (1 + 1e-9 * GATE)  # S

BIAS = np.linspace(-3, 3, 7)  # mV
MAP = np.exp(GATE[:, None]) * (1 + BIAS**2)[None, :] * 1e-6  # S, over gate and bias


def refused(read, *facts):
    """The message of the InputError, which must hold these facts."""
    with pytest.raises(InputError) as caught:
        read()
    message = str(caught.value)
    for fact in facts:
        assert fact in message, message
    return message


def whole_or_refused(path, content, read, same):
    """Cut a file off everywhere: what is left is refused, or read as if it were whole."""
    refusals = 0
    for length in np.unique(np.linspace(1, len(content) - 1, 60).astype(int)):
        path.write_bytes(content[:length])
        try:
            left = read(path)
        except InputError:
            refusals += 1
        else:
            assert same(left), length
    path.write_bytes(content)
    return refusals


def damaged_or_refused(path, content, read, seed=0):
    """Change bytes anywhere: what comes of it is an InputError or data, never another error."""
    rng = np.random.default_rng(seed)
    refusals = 0
    for _ in range(60):
        changed = bytearray(content)
        for place in rng.integers(0, len(content), 4):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read(path)
        except InputError:
            refusals += 1
    path.write_bytes(content)
    return refusals
