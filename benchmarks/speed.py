"""How fast everything is, beside peers on the same work, the same cores and in the same run."""

import argparse
import functools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import qpcjax as qpc
from benchmarks import heat_speed, one_point, peers, sweep
from benchmarks.pages import PAGES, ROOT, table
from benchmarks.timing import number, timed
from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, GAAS_MASS, transverse_energy

WIDTH, ELL, MODES = 20.0, 2.0, 3
KT = 0.04  # in E1
GRADIENT = "with the gradient by w, L, mu, eV, T"


# --- measuring ------------------------------------------------------------------------------


def agree(name, found, expected, tolerance):
    """Refuse to time what does not agree."""
    wrong = float(np.max(np.abs(np.asarray(found) - np.asarray(expected))))
    if not wrong <= tolerance:
        raise SystemExit(f"{name}: answers differ by {wrong:.1e}, more than {tolerance:.0e}")
    return wrong


@functools.cache
def constriction(modes=MODES, ell=ELL):
    """The channel of every benchmark, of whose E1 energies are counted."""
    return qpc.AbruptConstriction(WIDTH, 2 * WIDTH * ell, modes=modes)


def scale():
    """E1 in meV."""
    return float(constriction().energy_scale)


# --- what is measured -----------------------------------------------------------------------


def transmissions(count):
    """T(E), and with its derivative, beside the numba loop and NumPy."""
    c, e1 = constriction(), scale()
    e = np.random.default_rng(0).uniform(0.05, MODES**2 - 0.05, count)
    energy, out = jnp.asarray(e * e1), np.empty(count)
    fill = peers.loop_of_transmission()
    fill(e, ELL, MODES, out)
    wrong = agree("T(E)", qpc.transmission(c, energy), out, 1e-12)
    few = e[: count // 40]
    agree("T(E) of NumPy", peers.transmission(few, ELL, MODES), out[: few.size], 1e-12)

    @jax.jit
    def both(c, energy):
        return jax.jvp(lambda e: qpc.transmission(c, e), (energy,), (jnp.ones_like(energy),))

    sample, h = energy[:1000], 1e-6 * e1
    slopes = both(c, energy)[1][:1000]
    differences = qpc.transmission(c, sample + h) - qpc.transmission(c, sample - h)
    agree("dT/dE", slopes * e1, differences / (2 * h) * e1, 1e-6)

    jax.clear_caches()
    _, loop = timed(lambda: fill(e, ELL, MODES, out))
    rows, nanoseconds = [], 1e9 / count

    def row(name, first, seconds, loop=loop):
        compiled = "" if first is None else f"{first - seconds:.2f}"
        rows.append([name, compiled, number(seconds * nanoseconds), f"{seconds / loop:.2f}"])

    row("numba loop, T", None, loop)
    row("qpcjax, T", *timed(lambda: qpc.transmission(c, energy)))
    row("qpcjax, T and dT/dE", *timed(lambda: both(c, energy)))
    _, numpy = timed(lambda: peers.transmission(few, ELL, MODES), 3)
    row("NumPy, T", None, numpy * count / few.size)
    title = f"T(E), {MODES} modes, {count:,} energies (largest difference {wrong:.0e})"
    return title, ["", "compilation (s)", "ns an energy", "times the loop"], rows


def maps(side):
    """I, P_L, P_R over a grid of mu and bias."""
    c, e1 = constriction(), scale()
    mu = np.linspace(0.6, 6.5, side)[:, None]
    bias = np.geomspace(1e-3, 0.5, side)
    edges = np.concatenate([c.thresholds(), c.panel_edges()])[None] / e1
    onsets = np.arange(MODES + 2) ** 2
    rows = []
    rng = np.random.default_rng(1)
    i, j = rng.integers(0, side, 200), rng.integers(0, side, 200)
    sample = mu[i], bias[j][:, None]
    ones = np.ones_like(sample[0])
    for kT in (0.0, KT):
        r = qpc.Reservoirs(mu * e1, bias * e1, kT * e1 / BOLTZMANN)
        first, seconds = timed(lambda r=r: qpc.transport_map(c, r))
        m = qpc.transport_map(c, r)
        few = qpc.Reservoirs(sample[0][:, 0] * e1, sample[1][:, 0] * e1, kT * e1 / BOLTZMANN)
        p, flow = qpc.dissipation(c, few), qpc.current(c, few)
        half = np.asarray(flow) * np.asarray(few.bias) / 2
        wrong = max(
            agree("current", m.current[i, j] / flow, np.ones(200), 1e-8),
            agree("P_L", (m.dissipation.left[i, j] - p.left) / (2 * half), 0, 1e-8),
            agree("P_R", (m.dissipation.right[i, j] - p.right) / (2 * half), 0, 1e-8),
            agree("P_A", (m.dissipation.asymmetry[i, j] - p.asymmetry) / half, 0, 1e-8),
        )

        def numpy(order, sample=sample, kT=kT):
            points = (*sample, kT * ones, ELL * ones)
            return peers.moments(points, edges, onsets, order, MODES)

        unit = CONDUCTANCE_QUANTUM * e1
        exact = np.asarray(flow) / unit, np.asarray(p.asymmetry) / unit / e1 / 2
        size = np.abs(exact[0]), np.asarray(half) / unit / e1

        def error(order, exact=exact, size=size, numpy=numpy):
            return max(
                np.max(np.abs(a - b) / s) for a, b, s in zip(numpy(order), exact, size, strict=True)
            )

        order = next(order for order in range(2, 40) if error(order) <= 1e-8)
        _, peer = timed(lambda numpy=numpy, order=order: numpy(order), 3)
        whole = peer * side * side / 200
        rows.append(
            [
                f"kT = {kT:g} E1",
                f"{first - seconds:.1f}",
                number(seconds),
                f"{wrong:.0e}",
                f"{order}",
                number(whole),
                number(whole / seconds),
            ]
        )
    header = ["", "compilation (s)", "map (s)", "largest error, of the modulus"]
    header += ["NumPy: order for 1e-8", "NumPy, from 200 points (s)", "ratio"]
    return f"Map of I, P_L, P_R over {side} x {side} (mu, eV >= 1e-3 E1)", header, rows


def geometries(count):
    """P_A of different geometries, potentials and biases at finite temperature."""
    rng = np.random.default_rng(2)
    w = rng.uniform(15, 25, count)
    ell = rng.uniform(0.2, 2, count)
    e1 = np.asarray(transverse_energy(w, GAAS_MASS))
    mu, bias = rng.uniform(0.7, 4.5, count), rng.uniform(0.01, 0.5, count)
    points = jnp.asarray(np.stack([w, 2 * w * ell, mu * e1, bias * e1, KT * e1 / BOLTZMANN], 1))

    def asymmetry(x, bulk=False):
        c = qpc.AbruptConstriction(x[0], x[1], modes=MODES, aspect_limit=2)
        c = qpc.in_bulk(c) if bulk else c
        return qpc.dissipation(c, qpc.Reservoirs(*x[2:])).asymmetry

    def mapped(function):
        return jax.jit(lambda points: jax.lax.map(function, points, batch_size=64))

    in_bulk = functools.partial(asymmetry, bulk=True)
    value, gradient = mapped(asymmetry), mapped(jax.value_and_grad(asymmetry))
    bulk, bulk_gradient = mapped(in_bulk), mapped(jax.value_and_grad(in_bulk))
    few = 100
    edges, onsets = _panels(w[:few], ell[:few], e1[:few]), np.arange(MODES + 2) ** 2
    columns = [x[:few, None] for x in (mu, bias, np.full(count, KT), ell)]
    exact = np.asarray(value(points[:few])) / (2 * CONDUCTANCE_QUANTUM * e1[:few] ** 2)

    def numpy(order):
        return peers.moments(columns, edges, onsets, order, MODES)[1]

    size = np.max(np.abs(exact))
    order = next(
        order for order in range(2, 40) if np.max(np.abs(numpy(order) - exact)) < 1e-8 * size
    )
    adaptive = [peers.adaptive(mu[i], bias[i], KT, ell[i], MODES)[1] for i in range(3)]
    agree("scipy.quad", adaptive / exact[:3], np.ones(3), 1e-6)

    ours = {
        "`in_bulk`": timed(lambda: bulk(points), 3),
        "the default": timed(lambda: value(points), 3),
        f"`in_bulk`, {GRADIENT}": timed(lambda: bulk_gradient(points), 3),
        f"the default, {GRADIENT}": timed(lambda: gradient(points), 3),
    }
    fastest = ours["`in_bulk`"][1]
    _, peer = timed(lambda: numpy(order), 3)
    start = time.perf_counter()
    for i in range(3):
        peers.adaptive(mu[i], bias[i], KT, ell[i], MODES)
    single = (time.perf_counter() - start) / 3

    def row(name, each, compiled=""):
        return [name, compiled, number(each * 1e6), number(each * count / fastest)]

    rows = [
        row(f"qpcjax, {name}", seconds / count, f"{first - seconds:.1f}")
        for name, (first, seconds) in ours.items()
    ]
    rows += [
        row(f"NumPy, order {order}", peer / few),
        row("scipy.integrate.quad", single),
    ]
    title = f"P_A of {count:,} geometries and bias points, kT = {KT:g} E1, order {ORDER}"
    return title, ["", "compilation (s)", "us a point", "times the first"], rows


def _panels(w, ell, e1):
    """Panel ends of these geometries in their E1."""

    def ends(w, length, e1):
        c = qpc.AbruptConstriction(w, length, modes=MODES, aspect_limit=2)
        return jnp.concatenate([c.thresholds(), c.panel_edges()]) / e1

    return np.asarray(jax.vmap(ends)(w, 2 * w * ell, e1))


def point():
    """One operating point, warm, with objects that exist."""
    return "One point, warm", one_point.HEADER, one_point.rows()


def orders():
    """A point against the order of the rule."""
    c, e1 = constriction(8), scale()
    r = qpc.Reservoirs(1.2 * e1, np.full(512, 0.3 * e1), 0.5)
    rows = []
    for order in (4, 8, 16, 32):
        _, seconds = timed(lambda order=order: qpc.dissipation(c, r, order=order), 5)
        rows.append([f"{order}", number(seconds / 512 * 1e6)])
    return (
        "A batch of 512 biases against the order of the rule, 8 modes",
        ["order", "us a point"],
        rows,
    )


def heat(points):
    """Noise, thermoelectrics and damping laws beside what they are made of."""
    return heat_speed.TITLE, heat_speed.HEADER, heat_speed.rows(points)


def matched():
    """The coupled-mode problem beside Kwant's recorded times."""
    rows = []
    for row in json.loads((ROOT / "tests" / "reference" / "kwant.json").read_text())["rows"]:
        rows.append((row["N"], row["seconds"]))
    lattice = [
        [
            f"Kwant, {n} lattice constants across (recorded)",
            "",
            number(1e6 * statistics.median(s for size, s in rows if size == n)),
        ]
        for n in sorted({n for n, _ in rows})
    ]
    energy = jnp.linspace(0.2, 9, 10_000) * scale()
    ours = []
    for modes, extrapolate in ((20, False), (20, True), (40, False)):
        c = qpc.MatchedConstriction(
            WIDTH, 2 * WIDTH * ELL, channel_modes=modes, extrapolate=extrapolate
        )
        first, seconds = timed(lambda c=c: qpc.transmission(c, energy), 3)
        name = f"qpcjax, {modes} channel modes" + (", extrapolated" if extrapolate else "")
        ours.append([name, f"{first - seconds:.1f}", number(seconds / energy.size * 1e6)])
    title = f"All modes coupled, half planes, {energy.size:,} energies"
    return title, ["", "compilation (s)", "us an energy"], ours + lattice


def sweeps(largest):
    """T(E) streamed to the disk, and two processes beside one."""
    return "Sweeps to the disk, 3 modes", sweep.HEADER, sweep.size_rows(largest)


def processes(size):
    """The same in one process and in two, each on a core of its own."""
    header = ["processes", f"{size:.0e} points", "efficiency"]
    return "Sweeps in several processes", header, sweep.process_rows(size)


def starts():
    """Time from nothing, in processes of their own."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = Path(sys.executable).with_name("qpcjax")
    dependencies = "import jax, equinox, optax"

    def seconds(*arguments, **more):
        def run():
            env = environment | more
            subprocess.run(arguments, check=True, capture_output=True, cwd=ROOT, env=env)

        return timed(run, 3)[1]

    # In turn, since what other programs do to the machine is as large as the difference.
    imports = (dependencies, f"{dependencies}, qpcjax; qpcjax.current")
    turns = [[seconds(sys.executable, "-c", line) for line in imports] for _ in range(5)]
    rest = statistics.median(first for first, _ in turns)
    beyond = statistics.median(second - first for first, second in turns)
    point = ["--half-width", "20", "--length", "80", "--mu", "14", "--bias", "0.7"]
    evaluate = [str(command), "evaluate", *point]
    first = seconds(*evaluate, JAX_ENABLE_COMPILATION_CACHE="0")
    with tempfile.TemporaryDirectory() as kept:
        again = seconds(*evaluate, XDG_CACHE_HOME=kept)
    rows = [
        [f"`{dependencies}`", number(rest)],
        ["`import qpcjax; qpcjax.current` beyond that", number(beyond)],
        ["`qpcjax evaluate`, the first time", number(first)],
        ["`qpcjax evaluate` from then on", number(again)],
    ]
    return "From nothing", ["", "seconds"], rows


# --- the page -------------------------------------------------------------------------------


def machine():
    """What it was measured on."""
    names = ("qpcjax", "jax", "numpy", "scipy", "numba")
    used = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), float64, Python "
        f"{platform.python_version()}, {used}"
    )


def _has_numba():
    try:
        version("numba")
    except ImportError:
        return False
    return True


def main():
    """Measure and print; write the page where everything was measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="smaller batches; the page stays as is"
    )
    parser.add_argument(
        "--device", choices=("cpu", "gpu"), default="cpu", help="gpu: what runs on the card alone"
    )
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if options.device == "gpu":
        from benchmarks.gpu import main as on_gpu

        on_gpu()
        return
    jax.config.update("jax_platforms", "cpu")
    if not _has_numba():
        parser.error("numba is missing: install the extra, pip install 'qpcjax[bench]'")
    quick = options.quick
    parts = [
        lambda: transmissions(200_000 if quick else 4_000_000),
        lambda: maps(200 if quick else 1000),
        lambda: geometries(2_000 if quick else 100_000),
        point,
        orders,
        lambda: heat(512 if quick else 4096),
        matched,
        lambda: sweeps(1e6 if quick else 1e8),
        lambda: processes(10**6 if quick else 4 * 10**7),
        starts,
    ]
    sections = []
    for part in parts:
        title, header, rows = part()
        sections.append(f"## {title}\n\n{table(header, rows)}")
        print(f"\n{sections[-1]}", flush=True)
    if not quick:
        page = (PAGES / "performance.md.in").read_text()
        page = page.replace("@MACHINE@", machine()).replace("@TABLES@", "\n\n".join(sections))
        (PAGES / "performance.md").write_text(page)
        print(f"\nwrote {PAGES / 'performance.md'}")
