"""A fit as least squares: data sets, parameters and how they belong together."""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from qpcjax.data import ConductanceTrace, InputError
from qpcjax.fitting.kernel import Kernel
from qpcjax.fitting.layout import Layout
from qpcjax.fitting.losses import transformed
from qpcjax.fitting.observe import Inputs, inputs_of, kind_of
from qpcjax.parameters import Coordinates, Parameter

BINS = 128  # points of a trace that the search works on


def require_double():
    """Raise ValueError unless JAX computes in double precision."""
    if jnp.zeros(0, float).dtype != jnp.float64:
        raise ValueError(
            "fits need double precision: call jax.config.update('jax_enable_x64', True) first"
        )


@dataclasses.dataclass
class Part:
    """One data set in a fit.

    Fields:
        name: of the data set.
        data: the data set.
        kernel: what predicts it.
        index: for each number of the device the index of the fit's parameter.
        factor: what that parameter is multiplied with.
        sigma: standard error of each point.
        known: whether the data say their sigma; else it follows from the residuals.
    """

    name: str
    data: Any
    kernel: Kernel
    index: np.ndarray
    factor: np.ndarray
    sigma: np.ndarray
    known: bool

    @property
    def value(self):
        """What was measured."""
        return self.data.value


class Problem:
    """Weighted residuals of all data sets and priors, in bounded parameters.

    A vector holds the free parameters in `parameters.Coordinates`.
    Everything beside the predictions is linear algebra on the host.

    Args:
        parameters: every `Parameter` of the fit.
        parts: `Part`s.
        priors: name -> (mean, standard deviation).
        loss: see `losses.transformed`.
    """

    def __init__(self, parameters, parts, priors, loss):
        self.parts, self.priors, self.loss = parts, dict(priors), loss
        self.set_parameters(parameters)

    def set_parameters(self, parameters):
        """Start from, or hold, other values; the same names."""
        self.parameters: tuple[Parameter, ...] = tuple(parameters)
        self.names = [p.name for p in self.parameters]
        self.free = np.array([i for i, p in enumerate(self.parameters) if p.free], int)
        self.coordinates = Coordinates([self.parameters[i] for i in self.free])
        self._held = np.array([p.value for p in self.parameters])

    # --- coordinates ---

    def encode(self, values):
        """Vector of the free parameters' values, rows of them or one."""
        return self.coordinates.encode(values)

    def decode(self, vectors):
        """Values of all parameters, (rows, parameters), and d value/d coordinate of the free."""
        value, slope = self.coordinates.decode(np.atleast_2d(vectors))
        values = np.repeat(self._held[None], len(value), axis=0)
        values[:, self.free] = value
        return values, slope

    def start(self):
        """Vector of the parameters' own values."""
        return self.encode(self._held[self.free])

    # --- residuals ---

    def linearise(self, vectors, points=None, values=None, loss=None):
        """Transformed residuals of rows of vectors and their derivatives in the coordinates.

        Args:
            vectors: (rows, free).
            points: "binned" for the bins of long traces; all points by default.
            values: for each part other data, (rows, points), in place of its own.
            loss: another one than the fit's.

        Returns:
            z of shape (rows, residuals) and dz/dvector, (rows, residuals, free).
        """
        numbers, slope = self.decode(vectors)
        residuals, jacobians = [], []
        for k, part in enumerate(self.parts):
            inputs, y, sigma = (
                binned(part) if points == "binned" else (None, part.value, part.sigma)
            )
            y = y if values is None or values[k] is None else values[k]
            predicted, slopes = part.kernel.linearise(self.of_part(part, numbers), inputs)
            z, dz = transformed(loss or self.loss, (predicted - y) / sigma)
            residuals.append(z)
            moved = slopes * (dz / sigma)[..., None]
            jacobians.append(moved @ self.selection(part) * slope[:, None])
        z, dz = self._from_priors(numbers, slope)
        return np.concatenate([*residuals, z], 1), np.concatenate([*jacobians, dz], 1)

    def of_part(self, part, numbers):
        """A part's device numbers from the parameters' values, rows of them."""
        return np.atleast_2d(numbers)[:, part.index] * part.factor

    def selection(self, part):
        """d(a moving number of the part)/d(free parameter)."""
        moving = part.kernel.moving
        matrix = np.zeros((moving.size, self.free.size))
        for row, i in enumerate(moving):
            matrix[row, self.free == part.index[i]] = part.factor[i]
        return matrix

    def _from_priors(self, numbers, slope):
        z = np.zeros((len(numbers), len(self.priors)))
        dz = np.zeros((*z.shape, self.free.size))
        for k, (name, (mean, sigma)) in enumerate(self.priors.items()):
            i = self.names.index(name)
            z[:, k] = (numbers[:, i] - mean) / sigma
            where = self.free == i
            dz[:, k, where] = slope[:, where] / sigma
        return z, dz

    def predictions(self, numbers):
        """Predictions of each part at one set of parameter values."""
        return [part.kernel.predict(self.of_part(part, numbers))[0] for part in self.parts]

    def devices(self, numbers):
        """Each part's device at one set of parameter values."""
        rows = [self.of_part(part, numbers)[0] for part in self.parts]
        return [p.kernel.layout.build(row) for p, row in zip(self.parts, rows, strict=True)]

    @property
    def points(self):
        """Number of measured points."""
        return sum(part.value.size for part in self.parts)

    # --- what is static ---

    def make_room(self, vectors):
        """Compile anew for these vectors."""
        numbers, _ = self.decode(vectors)
        for part in self.parts:
            part.kernel.make_room(self.of_part(part, numbers))

    def resolves(self, vector):
        """Whether modes, panels and aspect ratio hold at this vector."""
        numbers, _ = self.decode(vector)
        return all(p.kernel.resolves(self.of_part(p, numbers)[0]) for p in self.parts)


def binned(part):
    """Inputs, means and their sigma of a long trace in bins along the gate; other data as is."""
    data = part.data
    if not isinstance(data, ConductanceTrace) or data.gate.size <= 2 * BINS:
        return None, part.value, part.sigma
    bins = np.array_split(np.arange(data.gate.size), BINS)

    def mean(x):
        return np.array([x[b].mean() for b in bins])

    temperature = None if data.temperature is None else np.full(BINS, data.temperature)
    inputs = Inputs(gate=mean(data.gate), temperature=temperature)
    # The median is not moved by the few outliers of a bin, and as good a start.
    value = np.array([np.median(data.value[b]) for b in bins])
    sigma = np.array([part.sigma[b].mean() / math.sqrt(len(b)) for b in bins])
    return inputs, value, sigma


def make_parts(device, named, parameters, shared, factors, order):
    """`Part`s of data sets that belong to a device.

    Args:
        device: `Device`.
        named: name -> data set.
        parameters: every `Parameter` of the fit.
        shared: function of a data set's name and a number's name to the parameter's name.
        factors: number's name -> factor on that parameter.
        order: Gauss nodes in a panel.
    """
    at = {p.name: i for i, p in enumerate(parameters)}
    free = {p.name for p in parameters if p.free}
    layout = Layout(device)
    parts = []
    for name, data in named.items():
        owners = [shared(name, number) for number in layout.names]
        moving = [i for i, owner in enumerate(owners) if owner in free]
        index = np.array([at[owner] for owner in owners])
        factor = np.array([factors.get(number, 1.0) for number in layout.names])
        known = data.sigma is not None
        sigma = data.sigma if known else _noise(data)
        sigma = np.broadcast_to(np.asarray(sigma, float), data.value.shape).copy()
        kernel = Kernel(device, kind_of(data), inputs_of(data), order, moving)
        parts.append(Part(name, data, kernel, index, factor, sigma, known))
    return parts


def _noise(data):
    """First guess of an unknown sigma: the scatter of neighbouring points, or a share of all."""
    y = data.value
    spread = float(np.ptp(y)) or float(np.max(np.abs(y)))
    if spread == 0:
        raise InputError(f"{data.name}: every value is 0: there is nothing to fit")
    if y.size < 6:
        return 0.02 * spread
    return max(float(np.median(np.abs(np.diff(y, 2)))) / 2.45 * 1.4826, 1e-3 * spread)
