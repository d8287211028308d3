"""Measure the error of every observable over the tables and write benchmarks/accuracy.md.

python -m benchmarks.accuracy

Needs a clone, since the tables and the catalogue of hard cases are those of the tests.
"""

import functools
import sys

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from benchmarks import heat_accuracy
from benchmarks.pages import IMAGES, PAGES, ROOT, table, used_versions

sys.path.insert(0, str(ROOT / "tests"))
jax.config.update("jax_enable_x64", True)

import helpers  # noqa: E402
import oracle  # noqa: E402
from problems import PROBLEMS, tagged  # noqa: E402

import qpcjax as qpc  # noqa: E402
from qpcjax._numerics.panels import ORDER  # noqa: E402
from qpcjax.heat.hot_spot import NO_ANSWER  # noqa: E402

PAGE, PICTURE = PAGES / "accuracy.md", IMAGES / "error_against_order.png"
VECTORS = np.array([helpers.problem_vector(p) for p in PROBLEMS])
ORDERS = (3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24)
FLOOR = 1e-16  # smaller errors are drawn here
UNDERFLOW = 1e-33  # smaller integrals are sums of float32 that are not normal


def worst(errors):
    """Largest error, as it is written in a table."""
    return f"{np.max(errors):.1e}"


def excess(error, estimate):
    """Largest ratio of the estimate to the error; what is within the floor of 1e-13 is none."""
    return np.max(np.where(estimate <= 1e-13, 0, estimate / np.maximum(error, 1e-30)))


# --- transmission ---------------------------------------------------------------------------


def transmission_rows():
    """Errors of T_n and of the derivatives of T against the 30-digit table."""
    t = helpers.reference_rows("transmission")
    n = t["n"].astype(int)
    value = np.asarray(helpers.eigenvalue_rows(t["energy"], t["ell"], np.zeros_like(t["ell"])))
    value = value[np.arange(n.size), n - 1]
    onset = (n - 1) ** 2
    with np.errstate(divide="ignore"):
        condition = 8 * helpers.ulp(t["energy"]) / (t["energy"] - onset)
    open_ = t["energy"] > onset
    relative = np.abs(value - t["Tn"])[open_] / t["Tn"][open_]
    allowed = relative / (1e-11 + condition[open_])
    rows = [
        ("T_n", "relative", worst(relative[condition[open_] < 1e-12])),
        ("T_n, next to an onset too", "of 1e-11 + 8 ulp(E)/(E - E_onset)", worst(allowed)),
    ]
    d = helpers.reference_rows("derivative")

    def one(energy, length):
        c = qpc.AbruptConstriction(
            helpers.HALF_WIDTH, length, 0.0, helpers.MASS, modes=8, aspect_limit=1
        )
        first = jax.grad(lambda e: qpc.transmission(c, e))
        by_length = jax.grad(lambda c: qpc.transmission(c, energy))(c).length
        return first(energy), jax.grad(first)(energy), by_length

    length = 2 * helpers.HALF_WIDTH * d["ell"]
    slope, curve, by_length = jax.jit(jax.vmap(one))(d["energy"], length)
    on_threshold = np.isin(d["energy"], [1.0, 4.0, 9.0, 16.0])
    for name, value, exact in (
        ("dT/dE", slope, d["dT_de"]),
        ("dT/dL", by_length * 2 * helpers.HALF_WIDTH, d["dT_dell"]),
        ("d2T/dE2", curve, d["d2T_de2"]),
    ):
        exists = ~np.isnan(exact)
        for where, label in (
            (exists & ~on_threshold, ""),
            (exists & on_threshold, " on E = n^2 E1"),
        ):
            error = np.abs(np.asarray(value) - exact)[where] / np.maximum(
                np.abs(exact[where]), 1e-3
            )
            rows.append((name + label, "relative, from 1e-3/E1 on", worst(error)))
    return rows


# --- integrals ------------------------------------------------------------------------------


def exact_integrals():
    """Values and moduli of I, P_L, P_R, P_A and G over the catalogue, from the 40-digit table."""
    exact, size = {}, {}
    m = {k: np.array([e[k]["value"] for e in helpers.DERIVATIVES]) for k in ("zeroth", "first")}
    s = {k: np.array([e[k]["size"] for e in helpers.DERIVATIVES]) for k in ("zeroth", "first")}
    half = VECTORS[:, 5] / 2
    power = np.abs(half) * s["zeroth"] + s["first"]
    exact["I"], size["I"] = m["zeroth"], s["zeroth"]
    exact["P_L"], size["P_L"] = half * m["zeroth"] - m["first"], power
    exact["P_R"], size["P_R"] = half * m["zeroth"] + m["first"], power
    exact["P_A"], size["P_A"] = 2 * m["first"], 2 * s["first"]
    exact["G"] = size["G"] = np.array([e["conductance"]["value"] for e in helpers.DERIVATIVES])
    return exact, size


def integrals(theta, order=ORDER):
    """The same observables and their error estimates, from the public functions."""
    w, length, offset, mass, mu, bias, temperature, temperature_bias, _ = theta
    c = qpc.AbruptConstriction(
        w, length, offset, mass, modes=helpers.MODES, aspect_limit=helpers.ASPECT
    )
    r = qpc.Reservoirs(mu, bias, temperature, temperature_bias)
    flow, flow_error = qpc.current(c, r, order=order, with_error=True)
    p, error = qpc.dissipation(c, r, order=order, with_error=True)
    g, g_error = qpc.conductance(c, mu, temperature, order=order, with_error=True)
    unit = helpers.POWER_UNIT
    return {
        "I": (flow / unit, flow_error / unit),
        "P_L": (p.left / unit, error.left / unit),
        "P_R": (p.right / unit, error.right / unit),
        "P_A": (p.asymmetry / unit, error.asymmetry / unit),
        "G": (g, g_error),
    }


@functools.partial(jax.jit, static_argnames="order")
def over_catalogue(vectors, order):
    """All problems, one after another."""
    return jax.lax.map(lambda theta: integrals(theta, order), vectors)


def integral_errors(order):
    """Errors and estimates relative to the modulus, a row a problem, for each observable."""
    exact, size = exact_integrals()
    result = {}
    for name, (value, estimate) in over_catalogue(VECTORS, order).items():
        driven = size[name] > 0
        wrong = np.abs(np.asarray(value) - exact[name])[driven] / size[name][driven]
        result[name] = wrong, np.asarray(estimate)[driven] / size[name][driven]
    return result


def single_precision():
    """Errors of float32 over the catalogue, at the very numbers it works with."""
    vectors = VECTORS.astype(np.float32)
    values = jax.jit(jax.vmap(lambda theta: helpers.landauer(theta)))(jnp.asarray(vectors))
    spots = jax.jit(jax.vmap(helpers.hot_spot))(jnp.asarray(vectors))
    double = helpers.hot_spot_rows(vectors.astype(float))
    deep = np.array([p in tagged("tunnelling") for p in PROBLEMS])
    rows, errors = [], {name: np.zeros(len(PROBLEMS)) for name in ("I", "P_L, P_R", "P_A", "G")}
    for i, theta in enumerate(vectors.astype(float)):
        w, length, offset, _, mu, bias, *_ = theta
        p = PROBLEMS[i]
        sides = p.kT + p.kT_difference / 2, p.kT - p.kT_difference / 2
        e = oracle.observables(length / (2 * w), mu, bias, *sides, offset, modes=helpers.MODES)
        g = helpers.moment_rows(theta)["conductance"][0]
        unit = helpers.POWER_UNIT

        def error(name, exact, size, i=i, unit=unit):
            wrong = abs(float(values[name][i]) / unit - exact)
            return wrong / size if size > UNDERFLOW else 0.0

        errors["I"][i] = error("current", e["current"], e["current_size"])
        errors["P_L, P_R"][i] = max(error(n, e[n], e["power_size"]) for n in ("left", "right"))
        errors["P_A"][i] = error("asymmetry", e["asymmetry"], e["asymmetry_size"])
        errors["G"][i] = error("conductance", g, g, unit=1)
    for name, wrong in errors.items():
        rows.append((name, worst(wrong[~deep]), worst(wrong[deep])))
    found = double["status"] != NO_ANSWER
    for name, key in (("E*", "energy"), ("r*", "distance")):
        wrong = np.abs(np.asarray(spots[key]) - double[key]) / np.abs(double[key])
        rows.append((name, worst(wrong[found & ~deep]), worst(wrong[found & deep])))
    return rows


# --- derivatives ----------------------------------------------------------------------------


def derivative_rows():
    """Worst error of each first derivative, relative to it or to the observable over the scale."""
    moments = helpers.moment_jacobian_rows(VECTORS)
    spots = helpers.hot_spot_jacobian_rows(VECTORS)
    labels = {"zeroth": "I", "first": "P_A", "conductance": "G", "energy": "E*", "distance": "r*"}
    table = {}
    for name, label in labels.items():
        for j, parameter in enumerate(helpers.PARAMETERS):
            errors = [0.0]
            for i, entry in enumerate(helpers.DERIVATIVES):
                if name in moments:
                    if parameter == "strength":
                        continue
                    exact = helpers.table_derivative(entry, name, parameter)
                    size = entry[name].get("size", entry[name]["value"])
                    value = moments[name][i, j]
                else:
                    if entry["energy"] is None:
                        continue
                    exact, size, value = spot_derivative(entry, name, parameter, spots, i, j)
                if exact is None:
                    continue
                scale = max(abs(exact), (size or 0.0) / helpers.SCALES[parameter])
                if scale > 0:
                    errors.append(abs(value - exact) / scale)
            table[label, parameter] = max(errors)
    return table


def spot_derivative(entry, name, parameter, spots, i, j):
    """Exact derivative of the hot spot, the observable's size and the package's derivative."""
    if name == "energy":
        size = entry["energy"]["value"]
        exact = 0.0
        if parameter != "strength":
            exact = helpers.table_derivative(entry, "energy", parameter)
    else:
        size = helpers.distance_derivative(entry, None)
        exact = helpers.distance_derivative(entry, parameter)
    return exact, size, spots[name][i, j]


def spot_rows():
    """Errors of the hot spot itself."""
    spots = helpers.hot_spot_rows(VECTORS)
    rows = []
    for name in ("energy", "distance"):
        errors = []
        for i, entry in enumerate(helpers.DERIVATIVES):
            if entry["energy"] is not None:
                exact = entry["energy"]["value"]
                if name == "distance":
                    exact = helpers.distance_derivative(entry, None)
                errors.append(abs(spots[name][i] / exact - 1))
        rows.append(({"energy": "E*", "distance": "r*"}[name], "relative", worst(errors)))
    return rows


# --- the page -------------------------------------------------------------------------------


def draw(by_order):
    """Error against the quadrature's order: the worst case of the catalogue, and its estimate."""
    with matplotlib.rc_context({"font.size": 8, "legend.frameon": False}):
        figure = Figure(figsize=(3.6, 2.9), layout="constrained")
        axes = figure.add_subplot()
        styles = {"I": ("#0072B2", "o"), "P_R": ("#A50F2A", "s"), "P_A": ("#DDA01E", "^")}
        styles["G"] = ("#1B8A4B", "v")
        for name, (colour, mark) in styles.items():
            error, estimate = (
                [max(np.max(by_order[order][name][k]), FLOOR) for order in ORDERS] for k in (0, 1)
            )
            label = f"${name[0]}_{name[2]}$" if "_" in name else f"${name}$"
            axes.semilogy(ORDERS, error, mark, color=colour, ms=4, label=label)
            axes.semilogy(ORDERS, estimate, "-", color=colour, lw=0.8)
        axes.axvline(ORDER, color="0.6", lw=0.6, ls=":")
        axes.annotate("default", (ORDER, 1e-3), color="0.4", fontsize=7, ha="center")
        axes.set(xlabel="Gauss nodes in a panel", ylabel="largest error / modulus of the integral")
        axes.legend(title="points: error\nlines: its estimate", fontsize=7, title_fontsize=7)
        PICTURE.parent.mkdir(exist_ok=True)
        figure.savefig(PICTURE, dpi=200)


def main():
    """Measure everything, draw and write."""
    by_order = {order: integral_errors(order) for order in ORDERS}
    draw(by_order)
    at_default = by_order[ORDER]
    honesty = [
        (
            str(order),
            worst(np.concatenate([e for e, _ in rows.values()])),
            worst(np.concatenate([estimate for _, estimate in rows.values()])),
            "yes" if all(np.all(err <= est) for err, est in rows.values()) else "no",
            f"{max(excess(*row) for row in rows.values()):.0f}",
        )
        for order, rows in by_order.items()
    ]
    derivatives = derivative_rows()
    labels = ("I", "P_A", "G", "E*", "r*")
    by_parameter = [
        (parameter, *(f"{derivatives[label, parameter]:.0e}" for label in labels))
        for parameter in helpers.PARAMETERS
    ]
    text = TEMPLATE.format(
        versions=used_versions(),
        transmission=table(("quantity", "error", "largest"), transmission_rows()),
        problems=len(PROBLEMS),
        integrals=table(
            ("observable", "error", "largest"),
            [(k, "of the modulus", worst(e)) for k, (e, _) in at_default.items()] + spot_rows(),
        ),
        honesty=table(
            ("order", "largest error", "largest estimate", "never below", "largest estimate/error"),
            honesty,
        ),
        derivatives=table(("by", *labels), by_parameter),
        heat=table(heat_accuracy.HEADER, heat_accuracy.rows(helpers.reference_barrier)),
        single=table(("observable", "largest error", "in deep tunnelling"), single_precision()),
    )
    PAGE.write_text(text, encoding="utf-8")
    print(text)


TEMPLATE = """# Accuracy

Measured by `python -m benchmarks.accuracy`, which writes this page, with {versions}.
Double precision unless it says otherwise. The references are mpmath tables in `tests/reference`:
30 digits for `abrupt.json`, 40 for `derivatives.json`, which covers the {problems} hard cases of
`tests/problems.py`: thresholds, deep tunnelling and activation above a barrier, zero temperature,
vanishing bias, long channels, cold sides.

## Transmission

{transmission}

T_n grows from its onset as (E - E_onset)^3: next to it the rounding of E itself counts, and no
arithmetic does better than the second line. On E = n^2 E1 (n > 1) d2T/dE2 diverges and is left out.

## Current, heat, conductance, hot spot

Largest errors over the catalogue with the default rule; the modulus is the integral of the
integrand's modulus.

{integrals}

## Noise, thermoelectrics, damping

Over `heat.json` and `heat_laws.json`: saddles, an ideal step and a narrow level. The estimates are
those of `with_error=True`. `RPADamping` is a formula, 0.6 % off the integral that it stands for.

{heat}

## The error estimate

`current`, `energy_current`, `dissipation`, `conductance` and `differential_conductance` take
`order` (Gauss nodes in a panel) and `with_error=True`, which returns an estimate beside the value,
from the same panels with half as many nodes again. Over the catalogue, relative to the modulus:

{honesty}

In the last column estimates below 1e-13 count as 0: that is the floor of rounding.

![Error against the order of the quadrature](images/error_against_order.png)

How many panels there are follows from the largest L/2w that they resolve, `aspect_limit`, which is
chosen when the constriction is built: the next of 1, 2, 5, 10, 15, 30 above L/2w (5 under a
trace). Beyond 1.25 times that the integrals are NaN.

## First derivatives

Largest error over the catalogue, relative to the derivative or, where that is larger, to the
observable's modulus divided by the parameter's own scale (w, 2w, E1, m, 0.1 E1/k_B, a).

{derivatives}

What does not exist:

- r* and E* jump where two maxima exchange (status 2); derivatives are those of the higher one.
- dr*/dT is infinite in the limit of zero temperature; at T = 0 itself it is returned as 0.
- A temperature difference at T = 0 would leave a side below zero; derivatives by it are returned
  as 0 there.
- Without a bias and with equal sides a bias or a temperature difference changes what drives, and
  with it which side is downstream: those derivatives of E* and r* are left out of the table.

Second derivatives of the integrals and of G are tested over the catalogue too, to 1e-5 against
differences of the first. On E = n^2 E1 (n > 1) T'' diverges: where nothing smooths it, the finite
part is returned.

## Single precision

The same over the catalogue in float32, relative to the modulus, and for the hot spot to itself.
Where the modulus is below 1e-33 (in 2 E1^2/h or its like) the terms of the sums fall below the
smallest normal float32, 1e-38: digits are lost, and it is left out.

{single}
"""


if __name__ == "__main__":
    main()
