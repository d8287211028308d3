"""Fit the damping constant a, with the channel's w and L, to distances of the hot spot.

python fits/hot_spot.py

The distances r*(V) alone give a; the linear conductance at several densities gives w and L, which
r* knows only weakly. Copy it as a start: put your files and the two constants in, or your own
residuals. Positive parameters are fitted as logarithms, which is all the bounds they need.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import qpcjax as qpc
from qpcjax.constants import GAAS_MASS, HBAR2_OVER_2M
from qpcjax.optimise.least_squares import levenberg_marquardt

DATA = Path(__file__).parent / "data"
MU, TEMPERATURE = 14.0, 1.6  # meV, K

NAMES = {"strength": "", "half_width": "nm", "length": "nm"}
LENGTHS = [40.0, 70.0, 100.0, 140.0]  # starts in nm: chi^2 has several minima along L
MOST_STEPS = 25
OPTIMISER = levenberg_marquardt()


def read(name):
    """Columns of a table: lines with # are skipped, the header and rows with nan are dropped."""
    rows = np.genfromtxt(DATA / name, delimiter=",")
    return rows[~np.isnan(rows).any(axis=1)].T


def truth(name):
    """Lines such as '# true length = 80 nm', which only synthetic data have."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    known = [line.removeprefix("# true ").split() for line in lines if line.startswith("# true ")]
    return {words[0]: float(words[2]) for words in known}


def make_residual(spots, conductances):
    """Residuals of both tables in units of their sigma, as a function of ln(a), ln(w), ln(L)."""
    bias, distance, spot_sigma = spots
    mu, conductance, conductance_sigma = conductances

    def residual(logarithms):
        a, w, length = jnp.exp(logarithms)
        channel = qpc.AbruptConstriction(w, length, modes=6)
        reservoirs = qpc.Reservoirs(MU, bias, TEMPERATURE)
        r = qpc.hot_spot(channel, reservoirs, qpc.QuadraticDamping(a)).distance / 1e3
        g = qpc.conductance(channel, mu, TEMPERATURE)
        from_r, from_g = (r - distance) / spot_sigma, (g - conductance) / conductance_sigma
        return jnp.concatenate([from_r, from_g])

    return residual


def starts(mu, conductance):
    """Values a, w, L to start from: w from the first step, which stands near mu = E1."""
    first_step = mu[np.argmax(conductance > 0.5)]
    half_width = np.pi / 2 * np.sqrt(HBAR2_OVER_2M / GAAS_MASS / first_step)
    return [(0.02, half_width, length) for length in LENGTHS]


def descend(linearised, update, vector):
    """Levenberg-Marquardt from one start: (best point and its expansion, why it stopped)."""
    state = OPTIMISER.init(vector)
    for _ in range(MOST_STEPS):
        jacobian, r = linearised(vector)
        move, state = update(
            jacobian.T @ r, state, vector, value=r @ r / 2, curvature=jacobian.T @ jacobian
        )
        vector = optax.apply_updates(vector, move)
        if state.predicted < 1e-9 and state.damping < 1:
            return state, "converged: no small step lowers the residuals any further"
        if state.damping > 1e10:
            return state, "stuck: no step lowers the residuals, and yet the slope is not zero"
    return state, f"not converged after {MOST_STEPS} steps"


def main():
    """Fit the example and print what was found next to what is true."""
    spots, conductances = read("hot_spot.csv"), read("hot_spot_conductance.csv")
    residual = make_residual(spots, conductances)
    linearised = jax.jit(jax.jacfwd(lambda v: (residual(v),) * 2, has_aux=True))

    update = jax.jit(OPTIMISER.update)
    ends = []
    for a, w, length in starts(*conductances[:2]):
        ends.append(descend(linearised, update, jnp.log(jnp.array([a, w, length]))))
        chi2, why = 2 * ends[-1][0].value, ends[-1][1].split(":")[0]
        print(f"start at a {a:g}, w {w:.1f} nm, L {length:g} nm: chi^2 {chi2:.2f}, {why}")
    best, why = min(ends, key=lambda end: jnp.nan_to_num(end[0].value, nan=jnp.inf))

    # The sigma are known; with unknown ones multiply by the square root of the reduced chi^2.
    values, covariance = jnp.exp(best.params), jnp.linalg.inv(best.curvature)
    errors = values * jnp.sqrt(jnp.diag(covariance))
    freedom = spots.shape[1] + conductances.shape[1] - len(NAMES)
    print(f"status {why}")
    print(f"chi^2 {2 * best.value:.2f} at {freedom} degrees of freedom")
    true = truth("hot_spot.csv")
    for (name, unit), value, error in zip(NAMES.items(), values, errors, strict=True):
        beside = f"(true {true[name]:g})" if name in true else ""
        print(f"{name:12s} {value:9.5f} +- {error:.5f} {unit:3s} {beside}")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
