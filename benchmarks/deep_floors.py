"""Errors of integrals through channels whose floor lies far below the 2DEG's band bottom.

    python -m benchmarks.deep_floors [points]

Random floors U from -6 to -1 E1 and lengths up to L/2w = 12. The reference integrates T(E) itself
with 24 nodes on panels that are halved, in NumPy, until nothing changes: it shares no panel with
the library.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, GAAS_MASS, transverse_energy

_X, _W = np.polynomial.legendre.leggauss(24)
_FINE = 1e-14  # of the window: panels are not halved further
_NAMES = ("value", "by L", "by w", "by U", "by mu")


def barrier(numbers, modes):
    """The constriction with these (w, L, U), as traced numbers or as given."""
    w, length, offset = numbers
    return qpc.AbruptConstriction(half_width=w, length=length, offset=offset, modes=modes)


def moving(c, numbers):
    """The constriction with other numbers (w, L, U) and its own panels."""
    return jax.tree.unflatten(jax.tree.structure(c), [*numbers, c.mass])


def _slopes(c, numbers, energies):
    """T(E) and its derivatives by L, w, U and E at many energies, shape (5, energies)."""

    def t(numbers, e):
        return moving(c, numbers).total(e)

    def all_at(e):
        value = t(numbers, e)
        by = jax.jacfwd(t)(numbers, e)
        return jnp.stack([value, by[1], by[0], by[2], jax.grad(lambda e: t(numbers, e))(e)])

    return jax.vmap(all_at)(energies).T


_compiled = jax.jit(_slopes)


def reference(c, numbers, mu, bias, temperature):
    """Current in 2e/h meV with its derivatives by L, w, U and mu, and the modulus of each."""
    kT = BOLTZMANN * temperature
    low = max(mu - bias / 2 - 40 * kT, 0.0)
    high = mu + bias / 2 + 40 * kT

    def difference(e):
        left, right = ((e - mu - s * bias / 2) / kT for s in (1, -1))
        return (np.tanh(-left / 2) - np.tanh(-right / 2)) / 2

    onsets = np.arange(c.modes + 1) ** 2 * float(c.energy_scale)
    ends = np.unique(np.concatenate([np.linspace(low, high, 129), onsets]))
    ends = ends[(ends >= low) & (ends <= high)]
    a, b = ends[:-1], ends[1:]
    total, modulus = np.zeros(5), np.zeros(5)

    def rule(a, b):
        e = a[:, None] + (b - a)[:, None] * (_X + 1) / 2
        flat = np.zeros(-(-e.size // 16384) * 16384) + e[0, 0]
        flat[: e.size] = e.ravel()
        t = np.concatenate(
            [np.asarray(_compiled(c, numbers, x)) for x in flat.reshape(-1, 16384)], axis=1
        )[:, : e.size].reshape(5, *e.shape)
        terms = t * difference(e) * (b - a)[:, None] / 2 * _W
        return terms.sum(-1), np.abs(terms).sum(-1)

    whole, _ = rule(a, b)
    while a.size:
        middle = (a + b) / 2
        (left, size_l), (right, size_r) = rule(a, middle), rule(middle, b)
        wrong = np.abs(left + right - whole)
        size = size_l + size_r
        scale = modulus + size.sum(1)
        done = np.all(wrong <= 1e-13 * scale[:, None], axis=0) | (b - a < _FINE * (high - low))
        total += (left + right)[:, done].sum(1)
        modulus += size[:, done].sum(1)
        again = ~done
        a, b = (np.concatenate([x[again], y[again]]) for x, y in ((a, middle), (middle, b)))
        whole = np.concatenate([left[:, again], right[:, again]], axis=1)
    return total, modulus


def point(rng):
    """Random (w, L, U), mu, eV and T."""
    w = rng.uniform(10, 40)
    scale = float(transverse_energy(w, GAAS_MASS))
    length = 2 * w * rng.uniform(0.3, 12)
    offset = -scale * rng.uniform(1, 6)
    mu, bias = scale * rng.uniform(0.3, 6), scale * rng.uniform(0.02, 1)
    temperature = scale * 10 ** rng.uniform(-2.5, -1) / BOLTZMANN
    return (w, length, float(offset)), mu, bias, float(temperature)


def found(c, numbers, mu, bias, temperature):
    """The library's current with derivatives as `reference` has them."""

    def current(numbers, mu):
        return qpc.current(moving(c, numbers), qpc.Reservoirs(mu, bias, temperature))

    value = current(numbers, mu)
    by, by_mu = jax.jacfwd(current, (0, 1))(numbers, mu)
    return jnp.stack([value, by[1], by[0], by[2], by_mu]) / CONDUCTANCE_QUANTUM


def measure(points, modes=6):
    """Errors of each point, relative to the integral of the modulus, shape (points, 5)."""
    rng = np.random.default_rng(26)
    program = jax.jit(found)
    errors = []
    for _ in range(points):
        numbers, *rest = point(rng)
        c = barrier(numbers, modes)
        right, size = reference(c, numbers, *rest)
        errors.append(np.abs(np.asarray(program(c, numbers, *rest)) - right) / size)
    return np.asarray(errors)


def main():
    """Print the median, the 99th percentile and the worst error of each number."""
    jax.config.update("jax_enable_x64", True)
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 512
    print(f"| {points} points | median | 99 % | worst |")
    print("|---|---|---|---|")
    for name, errors in zip(_NAMES, measure(points).T, strict=True):
        print(f"| {name} |", *(f"{x:.1e} |" for x in np.percentile(errors, [50, 99, 100])))


if __name__ == "__main__":
    main()
