"""Units and constants: energies in meV, lengths in nm, temperatures in K, masses in m_e.

Bias is the energy eV in meV, numerically the voltage in mV. Currents come out in nA, powers in
pW = nA mV and conductances in 2e^2/h. There are no unit objects: this page is the convention.
"""

import math

# The 2019 SI fixes e, h and k_B; the electron's mass is the CODATA 2022 value.
ELEMENTARY_CHARGE = 1.602176634e-19  # C
PLANCK = 6.62607015e-34  # J s
BOLTZMANN_SI = 1.380649e-23  # J/K
ELECTRON_MASS = 9.1093837139e-31  # kg

# eps_0 (CODATA 2022)
VACUUM_PERMITTIVITY = 8.8541878188e-12  # F/m

# e^2/eps_0 in meV nm
COULOMB = ELEMENTARY_CHARGE / VACUUM_PERMITTIVITY * 1e12

# hbar in meV ps
HBAR = PLANCK / (2 * math.pi) / ELEMENTARY_CHARGE * 1e15

# k_B in meV/K
BOLTZMANN = BOLTZMANN_SI / ELEMENTARY_CHARGE * 1e3

# hbar^2 / (2 m_e) in meV nm^2
HBAR2_OVER_2M = (PLANCK / (2 * math.pi)) ** 2 / (2 * ELECTRON_MASS) / ELEMENTARY_CHARGE * 1e3 * 1e18

# Bohr radius in nm (CODATA 2022)
BOHR_RADIUS = 0.0529177210544

# Bohr magneton hbar e / (2 m_e) in meV/T
BOHR_MAGNETON = PLANCK / (4 * math.pi * ELECTRON_MASS) * 1e3

# hbar e / m_e in meV/T: hbar omega_c is this times B over the effective mass in m_e
CYCLOTRON_ENERGY = 2 * BOHR_MAGNETON

# 2e^2/h in uS, which is also nA per mV and pW per mV^2
CONDUCTANCE_QUANTUM = 2 * ELEMENTARY_CHARGE**2 / PLANCK * 1e6

# 2 e (2e^2/h), the unit of noise: in fA^2/Hz per meV, fA aW/Hz per meV^2 and aW^2/Hz per meV^3
NOISE_QUANTUM = 2 * CONDUCTANCE_QUANTUM * ELEMENTARY_CHARGE * 1e21

# 2e in fA^2/Hz per nA
SCHOTTKY = 2 * ELEMENTARY_CHARGE * 1e21

# 1 / (2e^2/h) in ohm
RESISTANCE_QUANTUM = 1e6 / CONDUCTANCE_QUANTUM

# Effective mass of the conduction band of GaAs, in m_e
GAAS_MASS = 0.067


def transverse_energy(half_width, mass=GAAS_MASS):
    r"""Lowest transverse energy of a hard-wall channel of width 2w.

    .. math:: E_1 = \frac{\hbar^2}{2 m} \left(\frac{\pi}{2w}\right)^2

    Args:
        half_width: w in nm.
        mass: effective mass in m_e.

    Returns:
        E1 in meV; 5612.4 meV nm^2 / (2w)^2 in GaAs.
    """
    return HBAR2_OVER_2M / mass * (math.pi / (2 * half_width)) ** 2


def fermi_energy(density, mass=GAAS_MASS):
    r"""Fermi energy of a spin-degenerate 2DEG, :math:`E_F = \pi\hbar^2 n_e/m`.

    Args:
        density: n_e in 1e11 cm^-2 (= 1e-3 nm^-2).
        mass: effective mass in m_e.

    Returns:
        E_F in meV; 7.15 meV at 2e11 cm^-2 in GaAs.
    """
    return 2 * math.pi * HBAR2_OVER_2M / mass * density * 1e-3


def density(energy, mass=GAAS_MASS):
    """Sheet density in 1e11 cm^-2 of a 2DEG with this Fermi energy in meV."""
    return energy / fermi_energy(1.0, mass)
