"""The chain from gate voltages to the potential of the electrons."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.gates import gas, kernels, solver
from qpcjax.gates.box_error import box_change as error_of_box
from qpcjax.gates.boxes import limits, mesh_of, refuse_outside
from qpcjax.gates.charges import Donors, Tip
from qpcjax.gates.kernels import STIFFNESS, Grid
from qpcjax.gates.layout import AbstractGates
from qpcjax.gates.potential import EMPTY, REFUSED, SOLVED, UNCONVERGED, GatedPotential
from qpcjax.gates.stack import PER_AREA, Heterostructure
from qpcjax.validation import concrete, meaningful, number, require_count, where_meaningful

# Below this z a gate has no compressibility.
_CUT = -14.0

_LARGEST_VOLTAGE = 50.0


class GatedDevice(eqx.Module):
    r"""Gates over a two-dimensional electron gas.

    Energies u of the electrons at the surface (0) and in the gas (1) follow from the charges,

    .. math::
        u = G \rho(u), \quad \rho_0 = \sum_g c_g (v_g - u_0), \quad
        \rho_1 = D\, kT \ln\left(1 + e^{(\mu - u_1)/kT}\right) - n_0,

    on a periodic grid, with the Green functions G of the layers, v_g = -e (V_g + offset_g), and c
    large in gates and 0 beside them (a frozen surface). Under a pinned surface the gas is the one
    sheet, and the gates' closed forms are its external energy. Electrons screen as a Thomas-Fermi
    gas without exchange. Energies depend smoothly on outlines, density, depth and voltages, with
    derivatives in forward and reverse mode by the implicit function.

    Args:
        stack: a `Heterostructure`.
        gates: a `SplitGate` or `Gates`.
        grid: step in nm; 20 serves for maps, 10 for the positions of steps.
        box: periods (along, across) in nm, whole and even numbers of steps; by default
            1500 nm beside the gates along the current and 800 nm across. Gates that run on across
            repeat with the period along the current: 2400 nm beside a split gate of 300 nm put
            its pinch-off 8 mV too early. `potential(..., box_change=True)` says how much.
        points: of a cell at which the density is evaluated, along one side.
        tip: a `Tip` above the surface.
        disorder: `Donors` at random places.
        external: any other energy of electrons in the gas in meV, before it screens, on `x` and
            `y`, shape (nx, ny).

    Raises:
        ValueError: a box that does not fit the grid, gates that leave the box, an external energy
            of another shape.
    """

    stack: Heterostructure
    gates: AbstractGates
    tip: Tip | None
    disorder: Donors | None
    external: Any
    mesh: Grid = eqx.field(static=True)
    points: int = eqx.field(static=True)

    def __init__(
        self,
        stack: Heterostructure,
        gates: AbstractGates,
        grid: float = 10.0,
        box: tuple[float, float] | None = None,
        points: int = 4,
        *,
        tip=None,
        disorder=None,
        external=None,
    ):
        require_count("points", points)
        self.stack, self.gates, self.points = stack, gates, int(points)
        self.mesh = mesh_of(gates, grid, box)
        refuse_outside(gates, self.mesh)
        self.tip, self.disorder = tip, disorder
        self.external = None if external is None else number(external, "external")
        if external is not None and np.shape(self.external) != self.mesh.shape:
            raise ValueError(
                f"external must have the shape {self.mesh.shape} of the device's x and y, got "
                f"{np.shape(self.external)}"
            )
        known = concrete(self.external)
        if known is not None and not np.all(np.isfinite(known)):
            raise ValueError("external must be finite everywhere, in meV")

    @property
    def x(self) -> Any:
        """Points of the grid along the current in nm."""
        return self.mesh.axes[0]

    @property
    def y(self) -> Any:
        """Points of the grid across in nm."""
        return self.mesh.axes[1]

    @property
    def mu(self) -> Any:
        """Electrochemical potential in meV."""
        return self.stack.mu

    def potential(
        self, voltages: Any, start: GatedPotential | None = None, box_change: bool = False
    ) -> GatedPotential:
        """The potential of the electrons at gate voltages.

        Args:
            voltages: in V, one for all gates or a dict by name. With a bare surface energies in
                meV that the electrons would have under wide gates.
            start: the potential at other voltages of a device with the same grid, from which the
                search starts; results do not depend on it.
            box_change: whether to solve in a larger box too, and say what it changes.

        Raises:
            ValueError: a gate without a voltage or a voltage that is none in V; no electrons left
                anywhere; no convergence. Where numbers are traced the energies are NaN instead, and
                `status` tells why.
        """
        applied = self.gates.numbers_of(voltages)
        self._check(applied)
        charge = np.zeros(self._shape) if start is None else start.charge
        if np.shape(charge) != self._shape:
            raise ValueError(
                f"start must be of a device with the same grid and surface: its charge has the "
                f"shape {np.shape(charge)} and not {self._shape}"
            )
        changed = error_of_box(self, voltages) if box_change else None
        return self._potential(applied, charge, self._extra(), changed)

    def sweep(self, function: Callable[[GatedPotential], Any], voltages: Any) -> Any:
        """What a function makes of the potential at each of many voltages.

        Each solution starts from the one before, which takes half the time. The function is
        compiled, and so is the whole sweep where it is called within `jax.jit`.

        Args:
            function: of a `GatedPotential`, such as the conductance of a `PotentialScatterer`.
            voltages: in V, shape (n,), for all gates or a dict by name, of arrays or single
                numbers; neighbours should lie within some 50 mV.

        Returns:
            Its results, with an axis of n in front; NaN where there is no solution.

        Raises:
            ValueError: voltages as in `potential`, arrays of different lengths.
        """
        values = voltages.values() if isinstance(voltages, Mapping) else (voltages,)
        sizes = {np.shape(number(v, "voltages")) for v in values} - {()}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise ValueError(
                "voltages must be one array of shape (n,), or a dict of arrays of this shape and "
                f"single numbers; got the shapes {sorted(sizes) or '()'}"
            )
        (shape,) = sizes
        if isinstance(voltages, Mapping):
            each = {k: jnp.broadcast_to(jnp.asarray(v, float), shape) for k, v in voltages.items()}
        else:
            each = jnp.asarray(voltages, float)
        applied = jax.vmap(self.gates.numbers_of)(each)
        self._check(applied)
        extra = self._extra()

        def step(charge, one):
            found = self._potential(one, charge, extra)
            onwards = jnp.where(found.status == UNCONVERGED, charge, found.charge)
            return jax.lax.stop_gradient(onwards), function(found)

        return jax.lax.scan(step, jnp.zeros(self._shape), applied)[1]

    @property
    def _shape(self):
        """Shape of the charge: sheets, and points along and across."""
        return (2 if self.stack.surface == "frozen" else 1, *self.mesh.shape)

    def _check(self, applied):
        known = concrete(applied)
        if known is None or self.stack.surface == "bare":
            return
        if not np.all(np.isfinite(known)):
            raise ValueError("voltages must be finite, in V")
        if np.max(np.abs(known)) > _LARGEST_VOLTAGE:
            raise ValueError(
                f"voltages are in V, within +-{_LARGEST_VOLTAGE:g}, got "
                f"{known.flat[np.argmax(np.abs(known))]:g}: divide those in mV by 1000"
            )

    def _potential(self, applied, charge, extra, box_change=None):
        alone = eqx.tree_at(
            lambda d: (d.tip, d.disorder, d.external), self, (None,) * 3, is_leaf=_is_none
        )  # a program does not depend on what is added
        solution = _solve(alone, applied, charge, extra)
        x, y = (_closed(axis, self.mesh.step) for axis in self.mesh.axes)
        energy = solution.pop("energy")
        _refuse_unsolved(solution)
        return GatedPotential(x, y, energy, self.stack.mass, solution | {"box_change": box_change})

    def _extra(self):
        """Energies that are added to those of gates and gas, shape (sheets, nx, ny)."""
        total = np.zeros((2, *self.mesh.shape))
        if self.tip is not None and self.stack.surface == "frozen":
            total = total + _added(self.tip, self.stack, self.mesh)
        if self.disorder is not None:
            total = total + _added(self.disorder, self.stack, self.mesh)
        if self.external is not None:
            total = total + jnp.stack([jnp.zeros(self.mesh.shape), jnp.asarray(self.external)])
        return total[2 - self._shape[0] :]


@eqx.filter_jit
def _added(charges, stack, mesh):
    return where_meaningful(meaningful(charges), charges.energies(stack, mesh))


@eqx.filter_jit
def _solve(device, applied, charge, extra):
    """Energies and what else is known of them, of one device at voltages of shape (gates,)."""
    stack, gates, mesh = device.stack, device.gates, device.mesh
    ends = [_closed(axis, mesh.step) for axis in mesh.axes]
    distances = jnp.stack([o.distance(*ends) for o in gates.outlines])
    held = meaningful(stack, gates, applied) & ~_overlapping(distances)
    for outline in gates.outlines:
        held &= outline.proper(limits(mesh))
    mu = stack.mu
    if stack.surface == "bare":
        u, n = _bare(device, applied, mesh.axes)[None] + extra, jnp.zeros(mesh.shape)
        nothing = jnp.zeros((1, *mesh.shape))
        found = solver.Settled(u, nothing, jnp.zeros(()), jnp.asarray(True), jnp.int32(0))
        status = jnp.where(held, SOLVED, REFUSED)
    else:
        energies = -1e3 * (applied + gates.offset)
        problem, kernel, external = _problem(device, energies, distances, extra)
        found = solver.settle(problem, charge)
        n, _ = gas.density(found.u[-1], stack.states, mu, stack.thermal_energy, device.points)
        u = external + solver.convolved(kernel, found.charge)
        some = jnp.min(u[-1]) < mu
        status = jnp.where(found.converged, jnp.where(some, SOLVED, EMPTY), UNCONVERGED)
        status = jnp.where(held, status, REFUSED)
    u, n = where_meaningful(status == SOLVED, (u, n))
    return {
        "energy": _wrapped(u[-1]),
        "density": _wrapped(n) / PER_AREA,
        "mu": mu,
        "surface": _wrapped(u[0]) if u.shape[0] == 2 else None,
        "converged": found.converged,
        "residual": found.residual,
        "steps": found.steps,
        "status": status,
        "charge": found.charge,
    }


def _problem(device, energies, distances, extra):
    """The electrostatics with the gates at these energies, shape (gates,).

    Distances are those of the grid with the images of its first row and column.

    Returns:
        The problem of smoothed energies; the kernel from its charges to energies as they are; and
        the external energies.
    """
    stack, mesh = device.stack, device.mesh
    if stack.surface == "frozen":
        kernel = kernels.frozen(stack, mesh)
        stiff = compressibility(distances, mesh.step, kernels.surface_energy(stack))
        stiff = _periodic(_periodic(stiff, 1), 2)
        gates = jnp.stack([jnp.sum(stiff, 0), jnp.tensordot(energies, stiff, 1)])
        external = jnp.asarray(extra)
    else:
        kernel = kernels.pinned(stack, mesh)
        gates = jnp.zeros((2, 1, 1))
        external = _joined(device, energies)[None] + extra
    n, states, mu, kT = map(
        jnp.asarray, (stack.per_area, stack.states, stack.mu, stack.thermal_energy)
    )
    smooth = np.ones((external.shape[0], *kernel.shape[2:]))
    smooth[-1] = kernels.smoothing(device.points, mesh)
    outer = kernel * smooth
    alone = jnp.eye(len(smooth))[:, :, None, None] * smooth
    smoothed = solver.convolved(alone, external)
    problem = solver.Problem(
        outer * smooth[:, None], smoothed, gates, n, states, mu, kT, device.points
    )
    return problem, outer, external


def compressibility(distance: Any, step: float, kappa: Any) -> Any:
    r"""Compressibility c of a gate in 1/(meV nm^2), smooth in its outline.

    .. math::
        c = \frac{e^z}{1 + e^z/30} \frac{1}{\kappa h}, \quad z = -\frac{s/h - 0.05}{0.5}

    Args:
        distance: s to the outline in nm, negative inside.
        step: h of the grid in nm.
        kappa: e^2/[eps_0 (eps + above)] in meV nm.
    """
    z = -(distance / step - 0.05) / 0.5
    c = 1 / (jnp.exp(-jnp.maximum(z, _CUT)) + 1 / STIFFNESS)
    return jnp.where(z > _CUT, c, 0) / (kappa * step)


def _periodic(values, axis):
    """Without the last point of an axis, which is the first one: that has the mean of both."""
    first, inner, last = jnp.split(values, [1, values.shape[axis] - 1], axis)
    return jnp.concatenate([(first + last) / 2, inner], axis)


def _bare(device, energies, axes):
    """Energy of the electrons under gates at these energies on a pinned surface, nothing else."""
    x, y = axes
    shapes = [o.bare(x, y, device.stack.depth) for o in device.gates.outlines]
    return jnp.tensordot(energies, jnp.stack(shapes), 1)


def _joined(device, energies):
    """As `_bare`, without a step where gates of other energies meet at the edge of the box.

    At the depth d it is 1/2 + atan(s/d)/pi over the distance s.
    """
    mesh, depth = device.mesh, device.stack.depth
    axes = [_closed(axis, mesh.step) for axis in mesh.axes]
    energy = _bare(device, energies, axes)

    def rise(s):
        return 0.5 + jnp.arctan(s / depth) / np.pi

    for axis, length in enumerate(mesh.lengths):
        first, last = (jnp.take(energy, jnp.asarray([k]), axis) for k in (0, mesh.shape[axis]))
        place = np.expand_dims(axes[axis], 1 - axis)
        shape = rise(place - length / 2) - rise(-length / 2 - place)
        energy = energy + (first - last) * shape / (1 - 2 * rise(-length))
    return energy[:-1, :-1]


def _overlapping(distances):
    """Whether a point of the grid lies in two gates."""
    return jnp.any(jnp.sum(distances < 0, axis=0) > 1)


def _refuse_unsolved(solution):
    status = concrete(solution["status"])
    if status is None or status == SOLVED:
        return
    if status == EMPTY:
        raise ValueError(
            "these voltages empty the whole gas: no electrons are left anywhere in the box. Take "
            "less negative ones, or a larger box"
        )
    if status == UNCONVERGED:
        raise ValueError(
            f"the electrostatics did not converge: {float(solution['residual']):.1e} meV are left "
            f"after {int(solution['steps'])} steps. Start from the potential at voltages nearby, "
            "start=..."
        )
    raise ValueError("a number of the stack, of the gates or of the voltages is out of its range")


def _is_none(value):
    return value is None


def _closed(axis, step):
    """Points with the image of the first one at the other end."""
    return np.append(axis, axis[-1] + step)


def _wrapped(values):
    return jnp.pad(values, ((0, 1), (0, 1)), mode="wrap")
