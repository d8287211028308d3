"""Make the synthetic example data in fits/data: python fits/make_examples.py.

Nothing here uses the package: Eqs. (18)-(20) stand as printed, in complex numbers, and integrals
are plain Gauss rules. So the examples also check the model that is fitted to them. Energies are
in meV from the bottom of the conduction band, lengths in nm, temperatures in K.
"""

from pathlib import Path

import numpy as np

DATA = Path(__file__).parent / "data"

MASS = 0.067  # GaAs, in m_e
HBAR2_OVER_2M = 38.0998212 / MASS  # meV nm^2
BOLTZMANN = 0.0861733326  # meV/K
RESISTANCE_QUANTUM = 12906.40372  # ohm
CONDUCTANCE_QUANTUM = 77.48091729  # uS

# The trace: a gate that widens the channel, behind a series resistance.
TRACE_MU, TRACE_LENGTH, TRACE_RESISTANCE = 7.15, 60.0, 300.0
TRACE_SMEARING = 0.15, 0.40  # kernel's width / E1 at the lowest and the highest gate voltage
TRACE_NOISE = 1.0  # uS
TRACE_GATE = np.linspace(-1500.0, -1000.0, 401)
TRACE_LOST = 137, 290  # rows whose conductance was not recorded

# The hot spot: distances at several biases, conductances at several densities.
SPOT_STRENGTH, SPOT_HALF_WIDTH, SPOT_LENGTH = 0.04, 20.0, 80.0
SPOT_MU, SPOT_TEMPERATURE = 14.0, 1.6
SPOT_BIAS = np.linspace(1.0, 7.0, 25)
SPOT_NOISE = 0.03  # of the distance
SPOT_CONDUCTANCE_MU = np.linspace(2.5, 16.0, 28)
SPOT_CONDUCTANCE_NOISE = 0.01  # 2e^2/h


def trace_width(gate):
    """2w in nm: a smooth function of the gate voltage, but not a polynomial."""
    return 15.0 + 165.0 * np.expm1((gate + 1500.0) / 800.0)


def trace_smearing(gate):
    """Kernel's width / E1; its logarithm is linear in the gate voltage."""
    return np.exp(np.interp(gate, TRACE_GATE[[0, -1]], np.log(TRACE_SMEARING)))


def transverse_energy(width):
    """E1 of a channel of this width 2w."""
    return HBAR2_OVER_2M * (np.pi / width) ** 2


# --- Eqs. (18)-(20) -------------------------------------------------------------------------


def averaged_wavevector(k, width, n):
    """A_n of Eq. (18): the mean of sqrt(k^2 - q^2) from Q_(n-1) to Q_(n+1), complex."""
    low, high = (n - 1) * np.pi / width, (n + 1) * np.pi / width
    return (_primitive(k, high) - _primitive(k, low)) / (high - low)


def _primitive(k, q):
    inner, outer = np.minimum(q / k, 1), np.maximum(q / k, 1)
    open_part = inner * np.sqrt(1 - inner**2) + np.arcsin(inner)
    closed_part = outer * np.sqrt(outer**2 - 1) - np.arccosh(outer)
    return k**2 / 2 * (open_part + 1j * closed_part)


def transmission(energy, width, length):
    """T(E) of Eqs. (19)-(20), summed over all modes that pass anything; 0 for E <= 0."""
    k = np.sqrt(np.maximum(energy, 1e-12) / HBAR2_OVER_2M)
    total = np.zeros(np.shape(energy))
    for n in range(1, int(np.max(k) * width / np.pi) + 2):
        mode = np.sqrt(k**2 - (n * np.pi / width) ** 2 + 0j)
        mean = averaged_wavevector(k, width, n)
        forward = (mode + mean) ** 2 * np.exp(-1j * mode * length)
        backward = (mode - mean) ** 2 * np.exp(1j * mode * length)
        total += (4 * np.abs(mode) * mean.real / np.abs(forward - backward)) ** 2
    return np.where(energy > 0, total, 0)


def conductance(width, length, mu, kT):
    """Thermal average of T(E) at mu, in 2e^2/h: Gauss rules between onsets and kernel's edges."""
    thermal = mu + kT * np.array([-37, -20, -12, -7, -4, -2, 0, 2, 4, 7, 12, 20, 37])
    onsets = transverse_energy(width) * np.arange(60) ** 2
    ends = np.sort(np.clip(np.concatenate([thermal, onsets]), thermal[0], thermal[-1]))
    ends = np.unique(np.maximum(ends, 0))
    ends = np.unique(np.concatenate([ends[:-1] + np.diff(ends) * f for f in (0, 0.25, 0.5, 0.75)]))
    ends = np.append(ends, thermal[-1])
    node, weight = np.polynomial.legendre.leggauss(24)
    energy = (ends[:-1, None] + np.diff(ends)[:, None] * (node + 1) / 2).ravel()
    weight = (np.diff(ends)[:, None] * weight / 2).ravel()
    kernel = 1 / (4 * kT * np.cosh((energy - mu) / (2 * kT)) ** 2)
    return float(np.sum(weight * kernel * transmission(energy, width, length)))


# --- Eqs. (21)-(27) -------------------------------------------------------------------------


def hot_spot_distance(width, length, strength, mu, bias, temperature):
    """r* in nm: the highest p_R(r) on a grid of energies that closes in on it."""
    mu_left, mu_right, kT = mu + bias / 2, mu - bias / 2, BOLTZMANN * temperature

    def power_and_distance(energy):
        x, u = energy - mu_right, energy + bias / 2
        left, right = (1 / (np.exp((energy - m) / kT) + 1) for m in (mu_left, mu_right))
        b = np.sqrt(HBAR2_OVER_2M) * mu_right / strength
        slope = b * (1 / (2 * np.sqrt(u) * x**2) - 2 * np.sqrt(u) / x**3)
        power = x * transmission(energy, width, length) * (left - right) / np.abs(slope)
        return power, b * np.sqrt(u) / x**2

    low, high = mu_right + 1e-6, mu_left + 30 * kT
    while True:
        energy = np.linspace(low, high, 4001)
        power, distance = power_and_distance(energy)
        best = int(np.clip(np.argmax(power), 1, 3999))
        if high - low < 1e-4:
            return float(distance[best])
        low, high = energy[best - 1], energy[best + 1]


# --- the files ------------------------------------------------------------------------------


def trace_truth():
    """Conductance in 2e^2/h at the gate voltages, behind the resistance, without noise."""
    width, smearing = trace_width(TRACE_GATE), trace_smearing(TRACE_GATE)
    g = np.array(
        [
            conductance(w, TRACE_LENGTH, TRACE_MU, s * transverse_energy(w))
            for w, s in zip(width, smearing, strict=True)
        ]
    )
    return g / (1 + g * TRACE_RESISTANCE / RESISTANCE_QUANTUM)


def distances_truth():
    """r* in nm at the biases, without noise."""
    channel = 2 * SPOT_HALF_WIDTH, SPOT_LENGTH
    return np.array(
        [
            hot_spot_distance(*channel, SPOT_STRENGTH, SPOT_MU, eV, SPOT_TEMPERATURE)
            for eV in SPOT_BIAS
        ]
    )


def conductances_truth():
    """Conductance in 2e^2/h at the electrochemical potentials, without noise."""
    channel, kT = (2 * SPOT_HALF_WIDTH, SPOT_LENGTH), BOLTZMANN * SPOT_TEMPERATURE
    return np.array([conductance(*channel, mu, kT) for mu in SPOT_CONDUCTANCE_MU])


def make_trace(seed=2):
    """Text of trace.csv."""
    noise = np.random.default_rng(seed).normal(0, TRACE_NOISE / CONDUCTANCE_QUANTUM, 401)
    g = trace_truth() + noise
    g[list(TRACE_LOST)] = np.nan
    low, high = trace_width(TRACE_GATE[[0, -1]])
    return _table(
        [
            "SYNTHETIC: not a measurement. Made by fits/make_examples.py, seed fixed.",
            "Conductance of an abrupt constriction, Eqs. (18)-(20) of SciPost Phys. 12, 105",
            f"(2022), in GaAs, behind a series resistance, with {TRACE_NOISE:g} uS of noise.",
            "Two values are missing (nan), as may happen in a measurement.",
            f"true mu = {TRACE_MU:g} meV",
            f"true length = {TRACE_LENGTH:g} nm",
            "true width in nm = 15 + 165 (exp((gate + 1500 mV)/800 mV) - 1), "
            f"from {low:.1f} to {high:.1f}",
            f"true smearing_1 = {TRACE_SMEARING[0]:g} E1 at the lowest gate voltage",
            f"true smearing_2 = {TRACE_SMEARING[1]:g} E1 at the highest; the logarithm is linear "
            "between",
            f"true series_resistance = {TRACE_RESISTANCE:g} ohm",
        ],
        "gate (mV),conductance (2e2/h)",
        zip(TRACE_GATE, g, strict=True),
        "{:.2f},{:.5f}",
    )


_SPOT_HEADER = [
    "SYNTHETIC: not a measurement. Made by fits/make_examples.py, seed fixed.",
    "Abrupt constriction in GaAs, Eqs. (18)-(20) of SciPost Phys. 12, 105 (2022).",
]
_SPOT_TRUTH = [
    f"temperature = {SPOT_TEMPERATURE:g} K",
    f"true half_width = {SPOT_HALF_WIDTH:g} nm",
    f"true length = {SPOT_LENGTH:g} nm",
]


def make_distances(seed=1):
    """Text of hot_spot.csv."""
    truth = distances_truth() / 1e3
    sigma = SPOT_NOISE * truth
    return _table(
        [
            *_SPOT_HEADER,
            "Distance of the highest dissipated power per length from the constriction, Eqs.",
            f"(21)-(27) with E_F = mu_R; sigma is the noise put in, {SPOT_NOISE:.0%}.",
            f"mu = {SPOT_MU:g} meV",
            *_SPOT_TRUTH,
            f"true strength = {SPOT_STRENGTH:g}",
        ],
        "bias (mV),distance (um),sigma (um)",
        zip(SPOT_BIAS, np.random.default_rng(seed).normal(truth, sigma), sigma, strict=True),
        "{:.2f},{:.5f},{:.5f}",
    )


def make_conductances(seed=3):
    """Text of hot_spot_conductance.csv."""
    truth = conductances_truth()
    sigma = np.full(truth.shape, SPOT_CONDUCTANCE_NOISE)
    return _table(
        [
            *_SPOT_HEADER,
            "Linear conductance of the constriction of hot_spot.csv at several densities of the",
            "2DEG; sigma is the noise put in.",
            *_SPOT_TRUTH,
        ],
        "mu (meV),conductance (2e2/h),sigma (2e2/h)",
        zip(
            SPOT_CONDUCTANCE_MU,
            np.random.default_rng(seed).normal(truth, sigma),
            sigma,
            strict=True,
        ),
        "{:.2f},{:.5f},{:.5f}",
    )


FILES = {
    "trace.csv": make_trace,
    "hot_spot.csv": make_distances,
    "hot_spot_conductance.csv": make_conductances,
}


def _table(comments, header, rows, layout):
    lines = [f"# {comment}" for comment in comments]
    return "\n".join([*lines, header, *(layout.format(*row) for row in rows)]) + "\n"


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    for name, make in FILES.items():
        (DATA / name).write_text(make(), encoding="utf-8", newline="\n")
        print(f"wrote {name}")
