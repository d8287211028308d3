"""Sixty random devices, measured without the package, come back with honest errors."""

from pathlib import Path

import numpy as np
import pytest

import qpcjax as qpc
from benchmarks import devices, recovery, recovery_map
from qpcjax.fitting import fit_many

FILE = Path(__file__).parents[1] / "reference" / "devices.npz"


@pytest.fixture(scope="module")
def made():
    with np.load(FILE) as held:
        return {name: held[name] for name in held.files}


def test_the_file_is_what_the_script_makes(made):
    truth = devices.draw(60)
    np.testing.assert_array_equal(truth, made["devices"])
    traces, distances = devices.measure(truth[7:8])
    np.testing.assert_allclose(traces[0], made["traces"][7], rtol=0, atol=1e-9)
    np.testing.assert_allclose(distances[0], made["distances"][7], rtol=1e-6)


def test_the_map_is_that_of_the_package():
    """dI/dV behind no resistance; the trapezoidal rule against panels."""
    made = recovery_map.slope(50.0, 60.0, 0.0, 7.0, devices.K_B * 1.5, 1.5)
    channel, reservoirs = qpc.AbruptConstriction(25.0, 60.0), qpc.Reservoirs(7.0, 1.5, 1.5)
    assert made == pytest.approx(float(qpc.differential_conductance(channel, reservoirs)), rel=1e-5)
    trace, slopes = recovery_map.measured([*devices.draw(1)[0, :4], devices.MU, devices.KELVIN])
    np.testing.assert_allclose(trace, devices.trace(devices.draw(1)[0]), rtol=1e-12)
    assert slopes.shape == recovery_map.MAP_BIAS.shape


@pytest.mark.slow
def test_sixty_devices_are_recovered(made):
    data = recovery.data_sets(made["traces"], made["distances"])
    found = fit_many(recovery.guess(), data)
    pull = recovery.pulls(found, made["devices"])
    far = np.any(~(np.abs(pull) < recovery.FAR), axis=1)
    assert far.sum() <= 1  # 2 % of sixty
    assert not np.any(far & ~found.doubtful)
    near = pull[~far]
    # Straight lines through the truth, with the same noise, lead to nearly the same places.
    _, lines = recovery.from_truth(data, made["devices"], steps=0)
    assert np.median(np.abs(lines[~far] - near)) < 0.1
    count = len(near)
    # Four standard errors of a mean, of a share and of a spread over so many devices.
    assert np.all(np.abs(near.mean(0)) < 4 / np.sqrt(count))
    share = np.mean(np.abs(near) < 1, axis=0)
    assert np.all(np.abs(share - 0.683) < 4 * np.sqrt(0.683 * 0.317 / count))
    assert np.all(np.abs(near.std(0, ddof=1) - 1) < 4 / np.sqrt(2 * count))
