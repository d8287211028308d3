"""A constriction in units of E1, batches of parameters with one compiled shape, differences."""

import contextlib
import functools
import json
import math
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import qpcjax as qpc
from qpcjax import constants
from qpcjax.scatterers import AbstractScatterer
from qpcjax.transport.integrals import transport_moments
from qpcjax.transport.linear_response import conductance_average

TABLES = Path(__file__).parent / "reference"
DERIVATIVES = json.loads((TABLES / "derivatives.json").read_text())
REFERENCE = json.loads((TABLES / "abrupt.json").read_text())

# With this width and mass E1 is exactly 1 meV: energies in meV are energies in E1, and a
# threshold is met to the last bit.
HALF_WIDTH = math.pi / 2
MASS = constants.HBAR2_OVER_2M
POWER_UNIT = CURRENT_UNIT = constants.CONDUCTANCE_QUANTUM  # 2 E1^2/h in pW and 2 e E1/h in nA

# One static configuration for everything that runs over the catalogue of hard cases.
MODES, ASPECT, ROWS = 3, 15, 16
STRENGTH = 0.04

PARAMETERS = (
    "half_width",
    "length",
    "offset",
    "mass",
    "mu",
    "bias",
    "temperature",
    "temperature_bias",
    "strength",
)


def constriction(ell, offset=0.0, modes=MODES, aspect_limit=None):
    """Abrupt constriction with E1 = 1 meV and L/2w = ell."""
    length = 2 * HALF_WIDTH * ell
    return qpc.AbruptConstriction(
        HALF_WIDTH, length, offset, MASS, modes=modes, aspect_limit=aspect_limit
    )


def kelvin(kT):
    """Temperature in K of a thermal energy in meV."""
    return kT / constants.BOLTZMANN


def vector(ell, mu, bias, kT, kT_difference=0.0, offset=0.0):
    """The parameters as one vector, in the order of PARAMETERS."""
    return np.array(
        [
            HALF_WIDTH,
            2 * HALF_WIDTH * ell,
            offset,
            MASS,
            mu,
            bias,
            kelvin(kT),
            kelvin(kT_difference),
            STRENGTH,
        ]
    )


def problem_vector(problem):
    """The parameters of a problem of the catalogue."""
    p = problem
    return vector(p.ell, p.mu, p.bias, p.kT, p.kT_difference, p.offset)


def _parts(theta):
    w, length, offset, mass, mu, bias, temperature, temperature_bias, strength = theta
    c = qpc.AbruptConstriction(w, length, offset, mass, modes=MODES, aspect_limit=ASPECT)
    r = qpc.Reservoirs(mu, bias, temperature, temperature_bias)
    return c, r, qpc.QuadraticDamping(strength)


def landauer(theta):
    """The Landauer observables of one parameter vector."""
    c, r, _ = _parts(theta)
    p = qpc.dissipation(c, r)
    return {
        "current": qpc.current(c, r),
        "left": p.left,
        "right": p.right,
        "asymmetry": p.asymmetry,
        "conductance": qpc.conductance(c, r.mu, r.temperature),
        "differential_conductance": qpc.differential_conductance(c, r),
    }


def moments(theta):
    """The two integrals that hold current and heat, and the linear conductance."""
    c, r, _ = _parts(theta)
    zeroth, first = transport_moments(c, r.mu, r.bias, r.temperature, r.temperature_bias)
    return {
        "zeroth": zeroth,
        "first": first,
        "conductance": conductance_average(c, r.mu, r.temperature),
    }


def hot_spot(theta):
    """Energy, distance and status of the hot spot of one parameter vector."""
    c, r, damping = _parts(theta)
    h = qpc.hot_spot(c, r, damping)
    return {"energy": h.energy, "distance": h.distance, "status": h.status}


# The power of the energy in each entry of the derivative table.
DIMENSIONS = {"zeroth": 1, "first": 2, "conductance": 0, "energy": 1, "length": -1.5}


def table_derivative(entry, observable, parameter):
    """Derivative by a parameter of the package, from an entry of the table; None if there is none.

    The table is in units of E1 with ell = L/2w: E1 falls as 1/(w^2 m), the kT are k_B times
    T +- dT/2.
    """
    at, slopes = entry["at"], dict(entry[observable])
    if "kT_left" not in slopes:  # the conductance knows one temperature
        slopes["kT_left"] = slopes["kT_right"] = slopes.pop("kT") / 2
        slopes["bias"] = 0.0
    if parameter == "length":
        return slopes["ell"] / (2 * HALF_WIDTH)
    if parameter in ("offset", "mu", "bias"):
        return slopes[parameter]
    left, right = slopes["kT_left"], slopes["kT_right"]
    both = slopes.get("kT", None if left is None or right is None else left + right)
    if parameter == "temperature":
        return None if both is None else constants.BOLTZMANN * both
    if parameter == "temperature_bias":
        return None if left is None or right is None else constants.BOLTZMANN * (left - right) / 2
    # What E1 does to all: an energy that is 0 does nothing, whether or not there is a derivative.
    names = ["offset", "mu", "bias", "kT_left", "kT_right"]
    parts = [at[n] * slopes[n] for n in names if at[n] != 0 and slopes[n] is not None]
    if left is None and at["kT_left"] != 0:
        parts.append(at["kT_left"] * both)
    by_scale = DIMENSIONS[observable] * slopes["value"] - sum(parts)
    if parameter == "mass":
        return -by_scale / MASS
    assert parameter == "half_width"
    return (-2 * by_scale - at["ell"] * slopes["ell"]) / HALF_WIDTH


def distance_derivative(entry, parameter):
    """The same of r* = l* mu_R sqrt(hbar^2/2m)/a, with the value itself for no parameter."""
    length, at = entry["length"], entry["at"]
    mu_right = at["mu"] - abs(at["bias"]) / 2  # that of the downstream side
    value = length["value"] * mu_right / STRENGTH
    if parameter is None:
        return value
    if parameter == "strength":
        return -value / STRENGTH
    slope = table_derivative(entry, "length", parameter)
    if slope is None:
        return None
    prefactor = {
        "mu": 1 / mu_right,
        "bias": (-0.5 if at["bias"] >= 0 else 0.5) / mu_right,
        "mass": -0.5 / MASS,
    }
    return value * (slope / length["value"] + prefactor.get(parameter, 0.0))


@contextlib.contextmanager
def optimised():
    """Programs that are compiled within are optimised as for users.

    The others compile in half of the time and run a third as fast: this is for what runs longer
    than it compiles, such as the fit of a long trace.
    """
    before = jax.config.values["jax_disable_most_optimizations"]
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def in_rows(fun):
    """Map a function of one vector over an array of any length, compiled for one shape."""
    mapped = jax.jit(jax.vmap(fun))

    def run(vectors):
        vectors = np.atleast_2d(vectors)
        count = len(vectors)
        padded = np.concatenate([vectors, np.repeat(vectors[-1:], -count % ROWS, axis=0)])
        parts = [mapped(jnp.asarray(part)) for part in np.split(padded, len(padded) // ROWS)]
        return jax.tree.map(lambda *p: np.concatenate(p)[:count], *parts)

    return run


landauer_rows = in_rows(landauer)


def _with_slopes(fun, differentiated):
    """Values of a function and the Jacobian of some of them, as one program to compile."""

    def run(theta):
        def twice(theta):
            values = fun(theta)
            return {name: values[name] for name in differentiated}, values

        slopes, values = jax.jacfwd(twice, has_aux=True)(theta)
        return values, slopes

    return in_rows(run)


_moments_with_slopes = _with_slopes(moments, ("zeroth", "first", "conductance"))
_hot_spot_with_slopes = _with_slopes(hot_spot, ("energy", "distance"))


def moment_rows(vectors):
    """`moments` of an array of parameter vectors."""
    return _moments_with_slopes(vectors)[0]


def moment_jacobian_rows(vectors):
    """Their derivatives by all parameters."""
    return _moments_with_slopes(vectors)[1]


def hot_spot_rows(vectors):
    """`hot_spot` of an array of parameter vectors."""
    return _hot_spot_with_slopes(vectors)[0]


def hot_spot_jacobian_rows(vectors):
    """Derivatives of energy and distance by all parameters."""
    return _hot_spot_with_slopes(vectors)[1]


def _moment_curvature(numbers):
    """How the Jacobian of the moments changes along a direction, both in one vector."""
    theta, direction = numbers[: len(PARAMETERS)], numbers[len(PARAMETERS) :]
    return jax.jvp(jax.jacfwd(moments), (theta,), (direction,))[1]


moment_curvature_rows = in_rows(_moment_curvature)

# How far each parameter is moved, in its own unit, for a relative step of 1.
SCALES = {
    "half_width": HALF_WIDTH,
    "length": 2 * HALF_WIDTH,
    "offset": 1.0,
    "mass": MASS,
    "mu": 1.0,
    "bias": 1.0,
    "temperature": kelvin(0.1),
    "temperature_bias": kelvin(0.1),
    "strength": STRENGTH,
}


def derivative(rows, theta, name, step=1e-5, forward=False):
    """Derivative by differences: central with one Richardson step, or second-order forward.

    Args:
        rows: a function from `in_rows`.
        theta: the parameter vector.
        name: the parameter that moves.
        step: relative to SCALES.
        forward: whether only larger values are allowed.
    """
    h = step * SCALES[name]
    moves = np.array([0.0, 1.0, 2.0]) if forward else np.array([-1.0, -0.5, 0.5, 1.0])
    vectors = np.tile(theta, (len(moves), 1))
    vectors[:, PARAMETERS.index(name)] += h * moves
    values = rows(vectors)
    if forward:
        return jax.tree.map(lambda f: (4 * f[1] - 3 * f[0] - f[2]) / (2 * h), values)
    return jax.tree.map(
        lambda f: (4 * (f[2] - f[1]) / h - (f[3] - f[0]) / (2 * h)) / 3,
        values,
    )


def ulp(x):
    """Distance from |x| to the next larger double."""
    return np.spacing(np.abs(x))


class Saddle(AbstractScatterer):
    """Saddle-point steps that move with the bias: smooth, monotonic, without thresholds."""

    height: float
    spacing: float
    width: float
    drift: float
    mass: float = MASS

    def eigenvalues(self, energy, bias=0.0):
        """T_n of two steps."""
        n = jnp.arange(2, dtype=jnp.result_type(energy))
        top = self.height + self.spacing * (n + 0.5) + self.drift * bias**2
        return jax.nn.sigmoid(2 * math.pi * (energy - top) / self.width)

    def thresholds(self, bias=0.0):
        """None."""
        return jnp.zeros(0, jnp.result_type(bias))

    def panel_edges(self, bias=0.0):
        """A few for each width of a step."""
        steps = jnp.arange(-16, 36, dtype=jnp.result_type(bias)) * self.width / 2
        return self.height + self.spacing / 2 + self.drift * bias**2 + steps


class Resonance(eqx.Module):
    """A Breit-Wigner level as a user's own class: two methods, and one number with a unit."""

    level: float = eqx.field(metadata={"unit": "meV"})
    width: float

    def eigenvalues(self, energy, bias):
        """The one T_n."""
        return (self.width**2 / ((energy - self.level) ** 2 + self.width**2))[None]

    def thresholds(self, bias):
        """None."""
        return jnp.zeros(0, jnp.result_type(bias))


class Step(AbstractScatterer):
    """An ideal step at one energy."""

    energy: float

    def eigenvalues(self, energy, bias=0.0):
        """The one T_n."""
        return jnp.heaviside(energy - self.energy, jnp.asarray(0.5, energy.dtype))[None]

    def thresholds(self, bias=0.0):
        """The step itself."""
        return jnp.asarray(self.energy, jnp.result_type(bias))[None]


def observables(scatterer, reservoirs, damping, energy, distance, **order):
    """All observables at one point by the public functions, integrals with this `order`."""
    c, r = scatterer, reservoirs
    p, h = qpc.dissipation(c, r, **order), qpc.hot_spot(c, r, damping)
    return {
        "transmission": qpc.transmission(c, energy, r.bias),
        "conductance": qpc.conductance(c, r.mu, r.temperature, **order),
        "differential_conductance": qpc.differential_conductance(c, r, **order),
        "current": qpc.current(c, r, **order),
        "energy_current": qpc.energy_current(c, r, **order),
        "left": p.left,
        "right": p.right,
        "total": p.total,
        "asymmetry": p.asymmetry,
        "hot_spot_energy": h.energy,
        "hot_spot_distance": h.distance,
        "hot_spot_status": h.status,
        "inelastic_length": qpc.inelastic_length(c, r, damping, energy),
        "power_per_length": qpc.power_per_length(c, r, damping, distance),
    }


def reference_barrier(numbers):
    """The barrier that a row of the tables of heat and noise names."""
    if numbers["model"] == "saddle":
        sizes = numbers["height"], numbers["hbar_omega_y"], numbers["hbar_omega_x"]
        return qpc.SaddlePoint(*sizes, modes=numbers["modes"])
    if numbers["model"] == "step":
        return qpc.IdealStep(numbers["threshold"])
    return qpc.BreitWigner(numbers["level"], 2 * numbers["width"])


def reference_rows(table):
    """Rows of a reference table as a dictionary of arrays."""
    rows = REFERENCE[table]
    return {key: np.array([row[key] for row in rows], dtype=float) for key in rows[0]}


@functools.partial(jax.jit, static_argnames="modes")
def eigenvalue_rows(energy, ell, offset, modes=8):
    """T_n of constrictions of several ell, each at its own energy."""

    def one(energy, ell, offset):
        return qpc.eigenvalues(constriction(ell, offset, modes, aspect_limit=1), energy)

    return jax.vmap(one)(energy, ell, offset)
