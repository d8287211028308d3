"""Every barrier there is: T and P_A by every one of its numbers, against differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.scatterers import soften

W, L, E1 = 20.0, 64.0, 3.51  # nm, nm, about E1 in meV
TABLE = np.linspace(0.0, 30.0, 9), np.array([0, 0.15, 0.4, 0.9, 1.2, 1.2, 1.9, 2.0, 2.5])
COUPLED = {"channel_modes": 9, "aspect_limit": 2.0}
BARRIERS = {
    "mean": qpc.AbruptConstriction(W, L, offset=0.6, modes=4),
    "profile": qpc.AbruptConstriction(W, L, offset=0.6, matching="profile", modes=4),
    "half planes": qpc.MatchedConstriction(W, L, offset=0.6, **COUPLED),
    "extrapolated": qpc.MatchedConstriction(
        W, L, channel_modes=12, extrapolate=True, aspect_limit=2.0
    ),
    "wide regions": qpc.MatchedConstriction(W, L, 2.6, offset=0.6, **COUPLED),
    "biased": qpc.BiasedConstriction(W, L, offset=0.6, modes=4),
    "biased profile": qpc.BiasedConstriction(W, L, matching="profile", modes=4),
    "adiabatic": qpc.AdiabaticConstriction(W, 150.0, offset=0.6),
    "saddle": qpc.SaddlePoint(3.0, 2.0, 1.2, magnetic_field=0.7),
    "step": qpc.IdealStep(4.2),
    "table": qpc.TabulatedTransmission(*TABLE),
    "split": qpc.ZeemanSplit(qpc.SaddlePoint(3.0, 2.0, 1.2), 4.0),
    "softened": soften(qpc.AbruptConstriction(W, L), 0.3, 1e-3, 3.0 * E1, 256),
}
POINT = qpc.Reservoirs(1.13 * E1, 0.5 * E1, 0.8)  # cold enough for the table and the grid
MOVES = np.array([-1.0, -0.5, 0.5, 1.0])


@jax.jit
def observables(barrier, mu):
    r = eqx.tree_at(lambda r: r.mu, POINT, mu)
    t = qpc.transmission(barrier, mu, r.bias if barrier.follows_bias else 0.0)
    return jnp.stack([t, qpc.dissipation(barrier, r).asymmetry])


@pytest.mark.slow  # a compilation of all of it, twice, for each barrier
@pytest.mark.parametrize("name", BARRIERS)
def test_gradients_by_every_number(name):
    """To 1e-6 of the largest change that a number of its size makes, mu among them."""
    barrier = BARRIERS[name]
    leaves, tree = jax.tree.flatten((barrier, POINT.mu))
    sizes = [np.size(x) for x in leaves]
    flat = np.concatenate([np.ravel(np.asarray(x, float)) for x in leaves])

    @jax.jit
    def of_vector(x):
        parts = jnp.split(x, np.cumsum(sizes)[:-1])
        shaped = [p.reshape(np.shape(leaf)) for p, leaf in zip(parts, leaves, strict=True)]
        return observables(*jax.tree.unflatten(tree, shaped))

    slopes = np.asarray(jax.jit(jax.jacrev(of_vector))(jnp.asarray(flat)))
    unit = np.maximum(np.abs(flat), 0.1)
    compared = 0
    for i in range(flat.size):
        h = 1e-3 * unit[i]
        f = np.array([of_vector(jnp.asarray(flat + h * m * np.eye(flat.size)[i])) for m in MOVES])
        difference = (4 * (f[2] - f[1]) / h - (f[3] - f[0]) / (2 * h)) / 3
        scale = np.max(np.abs(slopes * unit), axis=1) / unit[i]
        wrong = np.abs(slopes[:, i] - difference)
        compared += np.any(difference != 0)
        assert np.all(wrong <= 1e-6 * scale), (i, leaves, slopes[:, i], difference)
    assert compared >= 1
