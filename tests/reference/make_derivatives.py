"""Write derivatives.json: values and first derivatives over the catalogue, in 40 digits.

Independent of the package: Eqs. (18)-(20) and (1)-(5) as printed, in mpmath, with central
differences. Run `python tests/reference/make_derivatives.py [NAME ...]`; with names, only these
problems are evaluated anew and the other entries are kept.
"""

import itertools
import json
import multiprocessing
import sys
from pathlib import Path

import mpmath as mp
import numpy as np

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE.parent))

import oracle  # noqa: E402  (found beside the tests)
from problems import PROBLEMS  # noqa: E402

MODES = 3
DIGITS = 40
STEP = mp.mpf(10) ** -12  # central differences of smooth functions: 1e-24 of the third derivative
EDGE_STEP = mp.mpf(10) ** -26  # on a threshold T'' diverges as an inverse square root
NODES = 28
PARAMETERS = ("ell", "offset", "mu", "bias", "kT_left", "kT_right")
THERMAL = [0, 1.5, 3, 5, 7.5, 10, 14, 18, 23, 28, 34, 40, 47, 54, 62, 70]


def total(e, ell, u):
    """T(E) of the modes that are kept."""
    return mp.fsum(
        oracle.eigenvalue(e, ell, n, u, digits=mp.mp.dps + 15) for n in range(1, MODES + 1)
    )


def gauss(order):
    """Gauss-Legendre nodes and weights on [0, 1]."""
    nodes, _weights = np.polynomial.legendre.leggauss(order)
    exact = []
    for x in nodes:
        x = mp.mpf(float(x))
        for _ in range(4):
            p, q = mp.legendre(order, x), mp.legendre(order - 1, x)
            slope = order * (q - x * p) / (1 - x * x)
            x = x - p / slope
        p, q = mp.legendre(order, x), mp.legendre(order - 1, x)
        slope = order * (q - x * p) / (1 - x * x)
        exact.append(((x + 1) / 2, 1 / ((1 - x * x) * slope**2)))
    return exact


def channel_edges(ell, u):
    """Energies that follow the oscillations of T(E) and its tails."""
    edges = [mp.mpf(m * m) for m in range(MODES + 3)]
    for n in range(1, MODES + 1):
        edges.append(mp.mpf(n * n) + u)
        a = max(float(ell), 1.0)
        # Resonances at small K_n have a width proportional to it.
        t = [0.15 / a]
        while t[-1] < 3:
            t.append(t[-1] + min(0.6 * t[-1], 0.6) / a)
        edges += [n * n + u + mp.mpf(x) ** 2 for x in t if x < 3]
        edges += [n * n + u - mp.mpf(x) ** 2 for x in t if x * x < n * n]
    return edges


def panels(points, lower, upper, rule):
    """Nodes and weights between the points; both ends of a panel crowded against square roots."""
    ends = sorted({mp.mpf(p) for p in points if lower < p < upper} | {lower, upper})
    nodes = []
    for a, b in itertools.pairwise(ends):
        for s, w in rule:
            nodes.append((a + (b - a) * s * s * (3 - 2 * s), (b - a) * 6 * s * (1 - s) * w))
    return nodes


def occupation(e, mu, kT):
    """Fermi function, a step without temperature."""
    if kT == 0:
        return mp.mpf(1 if e < mu else 0)
    x = (e - mu) / kT
    return 1 / (1 + mp.exp(x)) if x < 0 else mp.exp(-x) / (1 + mp.exp(-x))


def thermal_points(mu, kT):
    """Points that follow a Fermi function."""
    return [mu + sign * kT * mp.mpf(x) for x in THERMAL for sign in (1, -1)]


def window(theta):
    """Energies beyond which nothing counts: tails are followed from the first step's top."""
    _, u, mu, bias, left, right = theta
    warm = max(left, right)
    ends = [mu + abs(bias) / 2 + 70 * warm, mu - abs(bias) / 2 - 70 * warm]
    if warm > 0:
        ends[0] = max(ends[0], 1 + max(u, 0) + 60 * warm)
    return max(ends[1], mp.mpf(0)), ends[0]


def moments(theta, nodes, t, held=None):
    """M_0 and M_1 with T(E) known at the nodes; cold sides keep their steps where held has them."""
    _, _, mu, bias, left, right = theta
    _, _, mu_held, bias_held, *_ = held or theta
    at_left = mu + bias / 2 if left else mu_held + bias_held / 2
    at_right = mu - bias / 2 if right else mu_held - bias_held / 2
    zeroth = first = mp.mpf(0)
    for (e, w), passed in zip(nodes, t, strict=True):
        f = occupation(e, at_left, left) - occupation(e, at_right, right)
        zeroth += w * passed * f
        first += w * passed * f * (e - mu)
    return zeroth, first


def sizes(theta, nodes, t):
    """The same of the moduli."""
    _, _, mu, bias, left, right = theta
    zeroth = first = mp.mpf(0)
    for (e, w), passed in zip(nodes, t, strict=True):
        f = abs(occupation(e, mu + bias / 2, left) - occupation(e, mu - bias / 2, right))
        zeroth += w * passed * f
        first += w * passed * f * abs(e - mu)
    return zeroth, first


def moved(theta, name, step):
    """The parameters with one of them moved."""
    theta = list(theta)
    theta[PARAMETERS.index(name)] += step
    return theta


def transport(theta, rule):
    """Values, sizes and derivatives of the two moments."""
    ell, u, mu, bias, left, right = theta
    lower, upper = window(theta)
    points = channel_edges(ell, u) + thermal_points(mu + bias / 2, left)
    points += thermal_points(mu - bias / 2, right) + thermal_points(1 + u, max(left, right))
    # Where the moduli have a kink: at mu, and where both sides are equally occupied.
    points.append(mu)
    if left != right:
        points.append(mu - bias / 2 * (left + right) / (right - left))
    nodes = panels(points, lower, upper, rule)
    t = [total(e, ell, u) for e, _ in nodes]
    value, size = moments(theta, nodes, t), sizes(theta, nodes, t)
    slopes: dict = {name: [mp.mpf(0), mp.mpf(0)] for name in PARAMETERS}
    for name in ("ell", "offset"):
        ends = []
        for sign in (1, -1):
            there = moved(theta, name, sign * STEP)
            ends.append(moments(there, nodes, [total(e, there[0], there[1]) for e, _ in nodes]))
        slopes[name] = [(a - b) / (2 * STEP) for a, b in zip(*ends, strict=True)]
    # T(E) stays; so do the steps of cold sides, whose motion is added by Leibniz' rule.
    for name in ("mu", "bias", "kT_left", "kT_right"):
        if (name == "kT_left" and left == 0) or (name == "kT_right" and right == 0):
            continue  # they start as (kT)^2
        ends = [moments(moved(theta, name, s * STEP), nodes, t, theta) for s in (1, -1)]
        slopes[name] = [(a - b) / (2 * STEP) for a, b in zip(*ends, strict=True)]
    for kT, sign in ((left, 1), (right, -1)):
        if kT == 0:
            at = mu + sign * bias / 2
            passed = total(at, ell, u)
            for name, speed in (("mu", mp.mpf(1)), ("bias", mp.mpf(sign) / 2)):
                slopes[name][0] += sign * speed * passed
                slopes[name][1] += sign * speed * passed * (at - mu)
    return [
        {"value": value[i], "size": size[i], **{name: slopes[name][i] for name in PARAMETERS}}
        for i in (0, 1)
    ]


def conductance(theta, kT, rule):
    """G and its derivatives."""
    ell, u, mu, *_ = theta
    if kT == 0:
        fun = {"ell": lambda x: total(mu, x, u), "offset": lambda x: total(mu, ell, x)}
        fun["mu"] = lambda x: total(x, ell, u)
        at = {"ell": ell, "offset": u, "mu": mu}
        slopes = {
            n: (f(at[n] + EDGE_STEP) - f(at[n] - EDGE_STEP)) / (2 * EDGE_STEP)
            for n, f in fun.items()
        }
        return {"value": total(mu, ell, u), **slopes, "kT": mp.mpf(0)}
    both = [ell, u, mu, mp.mpf(0), kT, kT]
    lower, upper = window(both)
    points = channel_edges(ell, u) + thermal_points(mu, kT) + thermal_points(1 + u, kT)
    nodes = panels(points, lower, upper, rule)

    def average(ell, u, mu, kT, t=None):
        t = t or [total(e, ell, u) for e, _ in nodes]
        parts = []
        for (e, w), passed in zip(nodes, t, strict=True):
            f = occupation(e, mu, kT)
            parts.append(w * passed * f * (1 - f) / kT)
        return mp.fsum(parts)

    t = [total(e, ell, u) for e, _ in nodes]
    h = STEP
    return {
        "value": average(ell, u, mu, kT, t),
        "ell": (average(ell + h, u, mu, kT) - average(ell - h, u, mu, kT)) / (2 * h),
        "offset": (average(ell, u + h, mu, kT) - average(ell, u - h, mu, kT)) / (2 * h),
        "mu": (average(ell, u, mu + h, kT, t) - average(ell, u, mu - h, kT, t)) / (2 * h),
        "kT": (average(ell, u, mu, kT + h, t) - average(ell, u, mu, kT - h, t)) / (2 * h),
    }


def log_density(x, theta):
    """Ln p_R(r) at E = mu_R + x for a forward bias, up to a constant."""
    ell, u, mu, bias, left, right = theta
    down = mu - bias / 2
    e = down + x
    if left == right and bias == 0:
        f = occupation(e, mu, left)
        drive = f * (1 - f)
    else:
        f = occupation(e, mu + bias / 2, left) if left > 0 or e > mu + bias / 2 else mp.mpf(1)
        drive = f - occupation(e, down, right)
    outer = e + bias / 2
    return (
        mp.log(total(e, ell, u) * drive) + 4 * mp.log(x) + mp.log(outer) / 2 - mp.log(4 * outer - x)
    )


def maximum(theta, start=None):
    """Position x of the highest p_R(r); None at the edge mu_L of a cold left side."""
    ell, u, mu, bias, left, right = (float(v) for v in theta)
    if start is None:
        warm = max(left, right)
        top = bias if left == 0 else bias + 45 * warm + max(0.0, 1 + u - mu)
        x = np.linspace(0, top, 6001)[1:]
        if bias == 0 and left == right:
            occupied = [np.exp(-v / left) / (1 + np.exp(-v / left)) ** 2 for v in x]
        else:
            half = bias / 2
            occupied = [oracle.occupation_difference(v - half, half, left, right) for v in x]
        t = [oracle.transmission(mu - bias / 2 + v, ell, u, MODES) for v in x]
        outer = mu + x
        with np.errstate(divide="ignore", invalid="ignore"):
            height = np.log(np.array(t) * occupied) + 4 * np.log(x) + np.log(outer) / 2
            height -= np.log(4 * outer - x)
        best = int(np.nanargmax(height[:-1] if left == 0 else height))
        if left == 0 and height[-2] >= height[best]:
            return None
        start = mp.mpf(float(x[best]))
    h = mp.mpf(10) ** -24

    def slope(x):
        return (log_density(x + h, theta) - log_density(x - h, theta)) / (2 * h)

    return mp.findroot(slope, (start, start * (1 + mp.mpf(10) ** -5)), tol=mp.mpf(10) ** -64)


def hot_spot(theta):
    """E* and its length with derivatives, or None where there is no hot spot."""
    _ell, _u, mu, bias, left, right = theta
    if mu - abs(bias) / 2 <= 0 or (bias == 0 and left == 0 and right == 0):
        return None
    if bias < 0:
        mirrored = hot_spot([*theta[:3], -bias, right, left])
        for slopes in mirrored:
            slopes["bias"] = -slopes["bias"]
            slopes["kT_left"], slopes["kT_right"] = slopes["kT_right"], slopes["kT_left"]
        return mirrored
    if bias == 0 and left < right:
        return None
    x = maximum(theta)

    def answer(theta):
        at = theta[3] if x is None else maximum(theta, x)
        down = theta[2] - theta[3] / 2
        return down + at, mp.sqrt(down + at + theta[3] / 2) / at**2

    value = answer(theta)
    slopes = {}
    step = mp.mpf(10) ** -16
    # Equal sides without a bias stay equal under their common temperature alone.
    common = bias == 0 and left == right
    if common:
        ends = [answer([*theta[:4], left + s * step, right + s * step]) for s in (1, -1)]
        slopes["kT"] = [(a - b) / (2 * step) for a, b in zip(*ends, strict=True)]
    for name in PARAMETERS:
        cold = (name == "kT_left" and left == 0) or (name == "kT_right" and right == 0)
        driven = common and name in ("bias", "kT_left", "kT_right")
        if cold or driven:
            slopes[name] = [None, None]
            continue
        ends = [answer(moved(theta, name, s * step)) for s in (1, -1)]
        slopes[name] = [(a - b) / (2 * step) for a, b in zip(*ends, strict=True)]
    return [
        {"value": value[i], **{name: slope[i] for name, slope in slopes.items()}} for i in (0, 1)
    ]


def evaluate(p):
    """The entry of one problem."""
    mp.mp.dps = DIGITS
    rule = gauss(NODES)
    numbers = p.ell, p.offset, p.mu, p.bias, p.kT + p.kT_difference / 2, p.kT - p.kT_difference / 2
    theta = [mp.mpf(v) for v in numbers]
    zeroth, first = transport(theta, rule)
    with mp.workdps(2 * DIGITS):
        spot = hot_spot(theta)
    entry = {
        "zeroth": zeroth,
        "first": first,
        "conductance": conductance(theta, mp.mpf(p.kT), rule),
        "energy": spot and spot[0],
        "length": spot and spot[1],
    }
    plain = {
        key: part and {k: None if v is None else float(v) for k, v in part.items()}
        for key, part in entry.items()
    }
    inputs = dict(zip(("ell", "offset", "mu", "bias", "kT_left", "kT_right"), numbers, strict=True))
    print(p.name, flush=True)
    return {"name": p.name, "at": inputs, **plain}


def main():
    """Evaluate and write."""
    path, names = HERE / "derivatives.json", sys.argv[1:]
    kept = {}
    if names and path.exists():
        kept = {entry["name"]: entry for entry in json.loads(path.read_text())}
    wanted = [p for p in PROBLEMS if not names or p.name in names]
    with multiprocessing.Pool() as pool:
        for entry in pool.map(evaluate, wanted, chunksize=1):
            kept[entry["name"]] = entry
    entries = [kept[p.name] for p in PROBLEMS if p.name in kept]
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "\n]\n")


if __name__ == "__main__":
    main()
