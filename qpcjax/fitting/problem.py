"""A fit as least squares: data sets, parameters and how they belong together."""

import dataclasses
from typing import Any

import jax
import numpy as np

from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.interpolation import GateNodes, along, nodes_for
from qpcjax.fitting.predictors import predictor
from qpcjax.measurements import InputError
from qpcjax.optimise.losses import transformed
from qpcjax.optimise.parameters import Coordinates, Parameter
from qpcjax.resolution import spinless

_NODES_MISS = 1e-2  # of sigma, what interpolation may add to a prediction
_CHECKED = 64  # points where that is looked at
_MISS_OF_DEAR, _CHECKED_OF_DEAR = 0.3, 12  # the same where a prediction takes a second


@dataclasses.dataclass
class FitPart:
    """One data set in a fit.

    Fields:
        name: of the data set.
        data: the data set.
        kernel: what predicts it, a `Predictor` or `GatePredictor`.
        index: for each number of the device the index of the fit's parameter.
        factor: what that parameter is multiplied with.
        sigma: standard error of each point.
        known: whether the data say their sigma; else it follows from the residuals.
        along: the nodes of a trace of many points.
    """

    name: str
    data: Any
    kernel: Any
    index: np.ndarray
    factor: np.ndarray
    sigma: np.ndarray
    known: bool
    along: GateNodes | None = None

    @property
    def value(self):
        """What was measured."""
        return self.data.value

    @property
    def settings(self):
        """Where it is predicted: at the points themselves, or at nodes between them."""
        if self.along is None:
            return self.kernel.settings
        # The other settings of a trace are the same everywhere, see `make_parts`.
        count = self.along.nodes.size
        constant = {n: np.full(count, x[0]) for n, x in self.kernel.settings.items()}
        return constant | {"gate": self.along.nodes}

    def to_points(self, values):
        """What was predicted at `settings`, (rows, settings, ...), at the points."""
        return values if self.along is None else self.along.to_points(values)

    def predict(self, rows):
        """Predictions, (rows, points), for rows of the device's numbers."""
        return self.to_points(self.kernel.predict(rows, self.settings))

    def linearise(self, rows):
        """The same with their slopes in the moving numbers, (rows, points, k)."""
        predicted, slopes = self.kernel.linearise(rows, self.settings)
        return self.to_points(predicted), self.to_points(slopes)

    def linearise_at(self, rows, settings):
        """The same at other settings of a trace; from nodes where each takes a second."""
        count = nodes_for(self.data, dear=True)
        if not self.kernel.dear or settings["gate"].size <= count:
            return self.kernel.linearise(rows, settings)
        order = np.argsort(settings["gate"], kind="stable")
        nodes, back = GateNodes(settings["gate"][order], count), np.argsort(order)
        there = {n: np.full(count, x[0]) for n, x in settings.items()} | {"gate": nodes.nodes}
        found = self.kernel.linearise(rows, there)
        value, slopes = (np.take(nodes.to_points(x), back, axis=1) for x in found)
        return value, slopes

    def settle_nodes(self, rows):
        """Set denser nodes until they do for these predictions; whether they did from the first."""
        settled = True
        while self.along is not None:
            miss = self._miss(self.along, rows)
            if miss < 1:
                break
            settled = False
            self.along = along(self.data, self.along.more(miss))
            if not np.isfinite(miss):
                break  # more modes or panels come first
        return settled

    def _miss(self, nodes, rows):
        """How far nodes miss these predictions, over what they may."""
        predicted = self.kernel.predict(rows, self.settings)
        # The prediction itself is dear: it is asked for where nodes are likely to miss it most.
        dear = self.kernel.dear
        doubt = np.max(nodes.doubt(predicted) / self.sigma, axis=0)
        worst = np.argsort(doubt)[-(_CHECKED_OF_DEAR if dear else _CHECKED) :]
        there = jax.tree.map(lambda x: x[worst], self.kernel.settings)
        miss = nodes.to_points(predicted)[:, worst] - self.kernel.predict(rows, there)
        allowed = _MISS_OF_DEAR if dear else _NODES_MISS
        return np.max(np.abs(miss) / self.sigma[worst]) / allowed


class FitProblem:
    """Weighted residuals of all data sets and priors, in bounded parameters.

    A vector holds the free parameters in `parameters.Coordinates`.
    Everything beside the predictions is linear algebra on the host.

    Args:
        parameters: every `Parameter` of the fit.
        parts: `FitPart`s.
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

    @property
    def dear(self) -> bool:
        """Whether a prediction takes seconds."""
        return any(part.kernel.dear for part in self.parts)

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

    def vectors_of(self, starts):
        """Vectors of starts, dicts of names and values.

        What a start does not name stays where it is, and held parameters do; the free ones are
        moved into their bounds.
        """
        free = [self.parameters[i] for i in self.free]
        rows = [[p.at(s.get(p.name, p.value)).value for p in free] for s in starts]
        return self.encode(np.array(rows))

    def start(self):
        """Vector of the parameters' own values."""
        return self.encode(self._held[self.free])

    # --- residuals ---

    def linearise(self, vectors, values=None, loss=None):
        """Transformed residuals of rows of vectors and their derivatives in the coordinates.

        Args:
            vectors: (rows, free).
            values: for each part other data, (rows, points), in place of its own; or a pair of
                them and their sigma.
            loss: another one than the fit's.

        Returns:
            z of shape (rows, residuals) and dz/dvector, (rows, residuals, free).
        """
        numbers, slope = self.decode(vectors)
        residuals, jacobians = [], []
        for k, part in enumerate(self.parts):
            y, sigma = _measured(part, values and values[k])
            predicted, slopes = part.linearise(self.of_part(part, numbers))
            z, dz = transformed(loss or self.loss, (predicted - y) / sigma)
            residuals.append(z)
            chosen = self.selection(part)
            free = chosen.any(axis=1)  # slopes in held numbers may have no value
            moved = slopes[..., free] * (dz / np.broadcast_to(sigma, dz.shape))[..., None]
            jacobians.append(moved @ chosen[free] * slope[:, None])
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
        return [part.predict(self.of_part(part, numbers))[0] for part in self.parts]

    def residuals(self, vectors, values=None):
        """Transformed residuals of rows of vectors; `values` as in `linearise`."""
        numbers, slope = self.decode(vectors)
        found = []
        for k, part in enumerate(self.parts):
            y, sigma = _measured(part, values and values[k])
            predicted = part.predict(self.of_part(part, numbers))
            found.append(transformed(self.loss, (predicted - y) / sigma)[0])
        return np.concatenate([*found, self._from_priors(numbers, slope)[0]], axis=1)

    def losses(self, vectors, values=None):
        """Half the sum of squares of rows of vectors; `values` as in `linearise`."""
        return np.sum(self.residuals(vectors, values) ** 2, axis=1) / 2

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

    def settle_nodes(self, vector):
        """Denser nodes where they miss the prediction; whether they were enough."""
        numbers, _ = self.decode(vector)
        return all([p.settle_nodes(self.of_part(p, numbers)) for p in self.parts])

    def resolves(self, vector):
        """Whether modes, panels and aspect ratio hold at this vector."""
        numbers, _ = self.decode(vector)
        return all(p.kernel.resolves(self.of_part(p, numbers)[0]) for p in self.parts)


def parameter_slopes(problem, part, device, response, settings, names=None):
    """A response of a device and its slopes in parameters of the fit.

    Args:
        problem: `FitProblem`.
        part: the data set whose private parameters the device has.
        device: its `Device`; it may have numbers that the fit does not know.
        response: `Response`.
        settings: name -> array.
        names: of the parameters; all by default.

    Returns:
        Arrays (points, ...) and (points, ..., names).
    """
    names = problem.names if names is None else names
    owner = {
        number: (problem.names[i], factor)
        for number, i, factor in zip(part.kernel.layout.names, part.index, part.factor, strict=True)
    }
    layout = DeviceNumbers(device)
    moving = [i for i, n in enumerate(layout.names) if n in owner and owner[n][0] in names]
    kernel = part.kernel
    if not kernel.serves(device, response, moving):
        kernel = predictor(device, response, settings, moving=moving)
    value, slopes = (x[0] for x in kernel.linearise(layout.values[None], settings))
    matrix = np.zeros((*value.shape, len(names)))
    for k, i in enumerate(kernel.moving):
        if i not in moving:
            continue
        name, factor = owner[layout.names[i]]
        matrix[..., names.index(name)] += slopes[..., k] * factor
    return value, matrix


def _measured(part, other):
    """Values and sigma of a part, or others in their place."""
    if other is None:
        return part.value, part.sigma
    return other if isinstance(other, tuple) else (other, part.sigma)


def make_parts(device, named, parameters, shared, factors, order):
    """`FitPart`s of data sets that belong to a device; `FitProblem.make_room` comes next.

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
    layout = DeviceNumbers(device)
    # Slopes in held numbers, which flat directions ask for, take no program of their own. Where
    # modes are coupled each slope takes long.
    quick = not hasattr(spinless(device.scatterer), "channel_modes")
    parts = []
    for name, data in named.items():
        owners = [shared(name, number) for number in layout.names]
        moving = [
            i for i, owner in enumerate(owners) if owner in free or (quick and data.staircase)
        ]
        index = np.array([at[owner] for owner in owners])
        factor = np.array([factors.get(number, 1.0) for number in layout.names])
        known = data.sigma is not None
        sigma = data.sigma if known else _noise(data)
        sigma = np.broadcast_to(np.asarray(sigma, float), data.value.shape).copy()
        settings = data.settings
        kernel = predictor(device, data.response, settings, order, moving, made=False)
        smooth = data.ordered and all(np.ptp(x) == 0 for n, x in settings.items() if n != "gate")
        nodes = along(data, nodes_for(data, kernel.dear)) if smooth else None
        parts.append(FitPart(name, data, kernel, index, factor, sigma, known, nodes))
    return parts


def _noise(data):
    """First guess of an unknown sigma: the scatter of neighbouring points, or a share of all."""
    y = data.value
    spread = float(np.ptp(y)) or float(np.max(np.abs(y)))
    if spread == 0:
        raise InputError(f"{data.label}: every value is 0: there is nothing to fit")
    if y.size < 6:
        return 0.02 * spread
    return max(float(np.median(np.abs(np.diff(y, 2)))) / 2.45 * 1.4826, 1e-3 * spread)
