"""What runs on a graphics card: evaluations a second and their share of its arithmetic peak.

`python -m benchmarks --device gpu`; operations are those that XLA counts in the compiled program:
a logarithm or a root is one.
"""

import jax
import jax.numpy as jnp
import numpy as np

import qpcjax as qpc
from benchmarks.pages import PAGES, table
from benchmarks.timing import number, timed
from qpcjax.constants import BOLTZMANN

# Operations a second outside the tensor cores, by the name of the card: float64, float32.
PEAKS = {"H100": (34e12, 67e12), "H200": (34e12, 67e12), "A100": (9.7e12, 19.5e12)}


def cases(dtype, shrink=1):
    """Name, function, arguments and number of evaluations of everything that is timed.

    Args:
        dtype: of all numbers.
        shrink: factor by which the batches are smaller than those for a card.
    """
    c = qpc.AbruptConstriction(20.0, 80.0, modes=3)
    matched = qpc.MatchedConstriction(20.0, 80.0)
    e1 = float(c.energy_scale)

    def energies(count):
        return jnp.linspace(0.1 * e1, 8.9 * e1, count // shrink, dtype=dtype)

    def asymmetry(x):
        barrier = qpc.AbruptConstriction(x[0], x[1], modes=3, aspect_limit=2)
        return qpc.dissipation(barrier, qpc.Reservoirs(*x[2:])).asymmetry

    side = int(4000 / shrink**0.5)
    mu = jnp.linspace(0.6 * e1, 6.5 * e1, side, dtype=dtype)[:, None]
    bias = jnp.linspace(1e-3 * e1, 0.5 * e1, side, dtype=dtype)
    w = np.random.default_rng(0).uniform(15, 25, 200_000 // shrink)
    columns = [w, 4 * w, np.full_like(w, 1.2 * e1), np.full_like(w, 0.3 * e1), np.full_like(w, 2.0)]
    points = jnp.asarray(np.stack(columns, axis=1), dtype)
    temperature = jnp.asarray(0.04 * e1 / BOLTZMANN, dtype)
    many, some = energies(100_000_000), energies(200_000)
    gradients = jax.value_and_grad(asymmetry)
    return [
        ("T(E), 3 modes", qpc.transmission, (c, many), many.size),
        (
            "map of I, P_L, P_R at 0.04 E1",
            lambda c, mu, bias, t: qpc.transport_map(c, qpc.Reservoirs(mu, bias, t)),
            (c, mu, bias, temperature),
            side * side,
        ),
        (
            "P_A of different geometries, with gradient",
            lambda points: jax.lax.map(gradients, points, batch_size=8192),
            (points,),
            w.size,
        ),
        ("matched T(E), 20 channel modes", qpc.transmission, (matched, some), some.size),
    ]


def measure(shrink=1):
    """Rows of the table for both precisions."""
    kind = jax.devices()[0].device_kind
    peaks = next((p for name, p in PEAKS.items() if name in kind), (None, None))
    rows = []
    for dtype, peak in zip((jnp.float64, jnp.float32), peaks, strict=True):
        for name, function, arguments, count in cases(dtype, shrink):
            compiled = jax.jit(function).lower(*arguments).compile()
            _, seconds = timed(lambda f=compiled, a=arguments: f(*a))
            operations = (compiled.cost_analysis() or {}).get("flops", float("nan"))
            share = "" if peak is None else f"{operations / seconds / peak:.1%}"
            rows.append([name, jnp.dtype(dtype).name, number(count / seconds), share])
    return kind, ["", "dtype", "a second", "of the card's peak"], rows


def main():
    """Measure on the card, print, and write benchmarks/performance-gpu.md."""
    if jax.default_backend() != "gpu":
        raise SystemExit(f"no GPU: JAX runs on {jax.default_backend()}; install qpcjax[cuda12]")
    kind, header, rows = measure()
    page = f"# On a {kind}\n\n{table(header, rows)}\n\n`python -m benchmarks --device gpu`.\n"
    (PAGES / "performance-gpu.md").write_text(page)
    print(page)
