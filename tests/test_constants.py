"""Constants and conversions against scipy's."""

import numpy as np
import pytest
from scipy import constants

from qpcjax import constants as own


def test_constants_are_those_of_scipy():
    meV = 1e-3 * constants.e
    assert pytest.approx(constants.k / meV, rel=1e-15) == own.BOLTZMANN
    assert (
        pytest.approx(constants.hbar**2 / (2 * constants.m_e) / meV * 1e18, rel=1e-9)
        == own.HBAR2_OVER_2M
    )
    quantum = constants.physical_constants["conductance quantum"][0]
    assert pytest.approx(quantum * 1e6, rel=1e-9) == own.CONDUCTANCE_QUANTUM
    assert pytest.approx(1 / quantum, rel=1e-9) == own.RESISTANCE_QUANTUM


def test_magnetic_energies():
    meV = 1e-3 * constants.e
    magneton = constants.physical_constants["Bohr magneton"][0]
    assert pytest.approx(magneton / meV, rel=1e-9) == own.BOHR_MAGNETON
    assert pytest.approx(0.05788, abs=1e-5) == own.BOHR_MAGNETON
    cyclotron = constants.hbar * constants.e / constants.m_e / meV
    assert pytest.approx(cyclotron, rel=1e-9) == own.CYCLOTRON_ENERGY
    # About 1.73 meV/T in GaAs.
    assert pytest.approx(1.728, abs=1e-3) == own.CYCLOTRON_ENERGY / own.GAAS_MASS


def test_conductance_quantum_links_current_and_power():
    assert pytest.approx(77.4809, abs=1e-4) == own.CONDUCTANCE_QUANTUM
    # 1 nA through 1 mV is 1 pW: 2e/h times 1 meV in A, and 2/h times 1 meV^2 in W.
    meV = 1e-3 * constants.e
    assert pytest.approx(2 * constants.e / constants.h * meV) == own.CONDUCTANCE_QUANTUM * 1e-9
    assert pytest.approx(2 / constants.h * meV**2) == own.CONDUCTANCE_QUANTUM * 1e-12


def test_transverse_energy_of_gallium_arsenide():
    assert own.transverse_energy(20.0) == pytest.approx(3.508, abs=5e-4)
    widths = np.array([10.0, 20.0, 55.0])
    np.testing.assert_allclose(own.transverse_energy(widths) * (2 * widths) ** 2, 5612.4, atol=5)
    # From SI constants alone.
    q = np.pi / 40e-9
    si = (constants.hbar * q) ** 2 / (2 * 0.067 * constants.m_e) / constants.e * 1e3
    assert own.transverse_energy(20.0) == pytest.approx(si, rel=1e-9)


def test_thermal_energy_of_a_tenth_of_the_first_subband():
    assert 0.1 * own.transverse_energy(20.0) / own.BOLTZMANN == pytest.approx(4.07, abs=5e-3)


def test_fermi_energy_and_density():
    assert own.fermi_energy(2.0) == pytest.approx(7.15, abs=5e-3)
    si = np.pi * constants.hbar**2 * 2e15 / (0.067 * constants.m_e) / constants.e * 1e3
    assert own.fermi_energy(2.0) == pytest.approx(si, rel=1e-9)
    assert own.density(own.fermi_energy(3.3, 0.05), 0.05) == pytest.approx(3.3, rel=1e-15)


def test_inverse_mass():
    assert own.transverse_energy(20.0, 0.134) == pytest.approx(own.transverse_energy(20.0) / 2)
    assert own.fermi_energy(1.0, 0.134) == pytest.approx(own.fermi_energy(1.0) / 2)
