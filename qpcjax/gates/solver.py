r"""Self-consistent energies of charged sheets: Newton's method with conjugate gradients over FFTs.

.. math:: u = u_\mathrm{ext} + G \rho(u)

for the gas alone, or for the surface and the gas. With the charges sigma as unknowns,
u = u_ext + G sigma, a step of Newton solves (G^-1 + chi) du = rho(u) - sigma, chi = -d rho/du,
which is symmetric and positive. Derivatives are those of the implicit function.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax.gates import gas

_TRIALS = 80  # of steps of Newton's method
_HALVINGS = 8
_ITERATIONS = 600  # of conjugate gradients


class Problem(eqx.Module):
    """What is to be solved on one grid.

    Fields:
        kernel: S G S in meV nm^2, shape (sheets, sheets, nx, ny // 2 + 1), with the `smoothing` S
            of the gas, the last sheet.
        external: S u_ext in meV, shape (sheets, nx, ny).
        gates: compressibility c of the gates in 1/(meV nm^2) and c times their energy, shape
            (2, nx, ny); it counts where there are two sheets.
        background: n_0 in 1/nm^2.
        states: D in 1/(meV nm^2).
        mu: in meV.
        kT: in meV.
        points: of a cell at which the density is evaluated, along one side.
    """

    kernel: Any
    external: Any
    gates: Any
    background: Any
    states: Any
    mu: Any
    kT: Any
    points: int = eqx.field(static=True)

    def induced(self, charge):
        """G times a charge."""
        return convolved(self.kernel, charge)

    def charge(self, u):
        """The electrons per nm^2 that the smoothed energies u ask for, less those of the ions."""
        filled = gas.density(u[-1], self.states, self.mu, self.kT, self.points)[1]
        sheets = [filled - self.background]
        if u.shape[0] == 2:
            sheets = [self.gates[1] - self.gates[0] * u[0], *sheets]
        return jnp.stack(sheets)

    def response(self, u):
        """u_ext + G rho(u), which u is to be."""
        return self.external + self.induced(self.charge(u))

    def loss(self, u):
        """The linear map chi = -d rho/du."""
        filled = gas.compressibility(u[-1], self.states, self.mu, self.kT, self.points)
        if u.shape[0] == 2:
            return lambda x: jnp.stack([self.gates[0] * x[0], filled(x[1])])
        return lambda x: filled(x[0])[None]


def convolved(kernel, charge):
    """A kernel between sheets times their charge."""
    shape = charge.shape[-2:]
    waves = jnp.fft.rfft2(charge)
    real, imaginary = (jnp.sum(kernel * part, axis=1) for part in (waves.real, waves.imag))
    return jnp.fft.irfft2(jax.lax.complex(real, imaginary), s=shape)


class Settled(NamedTuple):
    """A solution.

    Fields:
        u: energies in meV, shape (sheets, nx, ny).
        charge: in 1/nm^2, of the same shape.
        residual: the largest |u - u_ext - G rho(u)| in meV. Rounding in the gates' stiff charges
            leaves more of it than of the error of u.
        converged: whether it, or the next step, is small enough.
        steps: of Newton's method.
    """

    u: Any
    charge: Any
    residual: Any
    converged: Any
    steps: Any


class _State(NamedTuple):
    charge: Any
    u: Any
    error: Any  # G [rho(u) - sigma]
    change: Any  # of the charge, that is tried next
    share: Any  # of it
    steps: Any  # that were taken
    trials: Any
    halvings: Any
    near: Any  # whether it is good enough
    last: Any  # whether it was so before the last trial


def tolerance(dtype) -> tuple[float, float, float]:
    """Largest residual in meV; the relative one of derivatives; the least step in meV."""
    return (1e-6, 1e-10, 1e-7) if dtype == jnp.float64 else (1e-2, 1e-5, 1e-3)


def settle(problem: Problem, start: Any) -> Settled:
    """Solve a problem.

    Args:
        problem: its numbers may be differentiated.
        start: a charge of the shape of the sheets to begin with.
    """
    found = jax.lax.stop_gradient(_newton(jax.lax.stop_gradient(problem), start))
    u = _attached(problem, found.u)
    # The charge that was solved for, which is the more exact one, moves as rho(u) does.
    follows = problem.charge(u)
    charge = found.charge + (follows - jax.lax.stop_gradient(follows))
    return found._replace(u=u, charge=charge)


def _newton(problem, start):
    dtype = problem.external.dtype
    enough, digits, still = tolerance(dtype)
    # Energies of the gates are rounded, which their stiffness turns into charge.
    stiffness = jnp.max(problem.kernel) * jnp.max(problem.gates[0])
    rounding = 20 * jnp.finfo(dtype).eps * stiffness

    def least(u):
        return jnp.maximum(enough, rounding * jnp.max(jnp.abs(u)))

    def unfinished(now):
        return ~now.last & (now.trials <= _TRIALS) & (now.halvings <= _HALVINGS)

    def trial(now):
        before = jnp.sum(now.error**2)
        charge = now.charge + now.share * now.change
        u = problem.external + problem.induced(charge)
        missing = problem.charge(u) - charge
        error = problem.induced(missing)
        better = (jnp.sum(error**2) <= before * (1 - 0.1 * now.share)) | (now.trials == 0)
        # What is good enough may be nothing but rounding, which no step makes smaller.
        better |= now.near & (jnp.max(jnp.abs(error)) <= least(u))
        charge, u, error = (
            jnp.where(better, new, old)
            for new, old in ((charge, now.charge), (u, now.u), (error, now.error))
        )
        size = jnp.sqrt(jnp.mean(error**2)) / problem.kT
        small = jnp.max(jnp.abs(error)) <= least(u)
        # As exact as this step deserves; the last one gives all digits.
        exact = jnp.where(small, max(digits, 1e-8), jnp.clip(1e-2 * size, 1e-6, 1e-3))
        move, change = _linear(problem, u, missing, exact, better)
        near = small | (jnp.max(jnp.abs(move)) <= still)
        return _State(
            charge,
            u,
            error,
            jnp.where(better, change, now.change),
            jnp.where(better, 1.0, now.share / 2),
            jnp.where(better, now.steps + 1, now.steps),
            now.trials + 1,
            jnp.where(better, 0, now.halvings + 1),
            jnp.where(better, near, now.near),
            now.near,  # one step more costs little, and gives all digits
        )

    far = jnp.full_like(problem.external, jnp.inf)
    whole, none = jnp.ones((), far.dtype), jnp.int32(0)
    begin = _State(
        start, far, far, jnp.zeros_like(far), whole, none, none, none, none > 0, none > 0
    )
    end = jax.lax.while_loop(unfinished, trial, begin)
    return Settled(end.u, end.charge, jnp.max(jnp.abs(end.error)), end.near, end.steps - 1)


def _linear(problem, u, right, relative, wanted=True):
    """Solve (G^-1 + chi) du = right; du, and the charge G^-1 du; zeros where it is not wanted.

    Conjugate gradients with G as the preconditioner: the direction is carried with its charge, so
    that each iteration takes one transform there and back.
    """
    loss = problem.loss(u)

    def unfinished(now):
        *_, size, k = now
        return (size > relative**2 * first) & (k < _ITERATIONS) & wanted

    def iterate(now):
        change, charge, rest, direction, source, size, k = now
        image = source + loss(direction)
        length = size / jnp.sum(direction * image)
        change, charge = change + length * direction, charge + length * source
        rest = rest - length * image
        induced = problem.induced(rest)
        new = jnp.sum(rest * induced)
        direction, source = induced + new / size * direction, rest + new / size * source
        return change, charge, rest, direction, source, new, k + 1

    induced = problem.induced(right)
    first = jnp.sum(right * induced)
    zero = jnp.zeros_like(right)
    begin = (zero, zero, right, induced, right, first, 0)
    change, charge, *_ = jax.lax.while_loop(unfinished, iterate, begin)
    return change, charge


@jax.custom_jvp
def _attached(problem, u):
    """The solution u with its derivatives by the problem."""
    return u


@_attached.defjvp
def _derivative(primals, tangents):
    problem, u = primals
    u = _attached(problem, u)
    _, moved = jax.jvp(lambda p: p.response(u), (problem,), (tangents[0],))
    loss = problem.loss(u)
    _, relative, _ = tolerance(u.dtype)

    def forward(x):
        return x + problem.induced(loss(x))

    # (1 + G chi)^-1 = 1 - (G^-1 + chi)^-1 chi, and its transpose is G^-1 (G^-1 + chi)^-1.
    # A gate's charge, and with it the right side, is many times what is left of it: what the first
    # solution misses is solved for as well.
    def solve(_, right):
        def closer(_, found):
            missing = right - forward(found)
            return found + missing - _linear(problem, u, loss(missing), relative)[0]

        return jax.lax.fori_loop(0, 2, closer, jnp.zeros_like(right))

    def transposed(_, right):
        return _linear(problem, u, right, relative)[1]

    return u, jax.lax.custom_linear_solve(forward, moved, solve, transposed)
