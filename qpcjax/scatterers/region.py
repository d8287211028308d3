"""What a `PotentialScatterer` is given beside its potential: checked, and as it is kept."""

import jax.numpy as jnp
import numpy as np

from qpcjax.potentials.walls import SUPPLEMENTS
from qpcjax.validation import concrete, number, require_count


def kept_modes(given, modes):
    """The numbers of modes that are kept, a tuple."""
    numbers = (modes,) if given is None else tuple(np.atleast_1d(given).tolist())
    for one in numbers:
        require_count("kept", one, 2)
        if one > modes:
            raise ValueError(f"kept must be at most the number of modes, {modes}, got {one}")
    return numbers


def length_of(name, given, own):
    """A length in nm that was given, or else the potential's own."""
    if given is None and own is None:
        raise ValueError(
            f"{name} must be given in nm: the array of the potential is not centred on 0"
        )
    return own if given is None else given


def places_of(places, extent, count):
    """Places as NumPy numbers, unless the extent is traced."""
    known = concrete(number(extent))
    return places(extent if known is None else float(known), count)


def field_shares(given, half_length, field):
    """Where a field begins to fall and where it is 0, in the half length; None without a field."""
    if field is None:
        return None
    if given is None:
        return 0.6, 1.0
    known = concrete(number(half_length))
    if known is None:
        raise ValueError("field_window must be left out where half_length is traced")
    inner, outer = (float(x) / float(known) for x in given)
    if not 0 <= inner < outer <= 1:
        raise ValueError(
            "field_window must be two |x| in nm, rising and within half_length: the leads have no "
            f"field, got {tuple(given)}"
        )
    return inner, outer


def drop_shape(drop, x):
    """g(x) of a bias that drops inside, at the places x, from 1/2 to -1/2."""
    if callable(drop):
        shape = jnp.broadcast_to(jnp.asarray(number(drop(x), "drop")), x.shape)
    else:
        first, last = (float(place) for place in drop)
        if not first < last:
            raise ValueError(f"drop must be two x in nm, rising, got {tuple(drop)}")
        s = jnp.clip((jnp.asarray(x) - first) / (last - first), 0, 1)
        shape = 0.5 - s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3)
    ends = concrete(shape[np.array([0, -1])])
    if ends is not None and not np.allclose(ends, [0.5, -0.5], atol=1e-6):
        raise ValueError(
            "drop must fall from 1/2 in the left lead to -1/2 in the right one, within the region; "
            f"it is {ends[0]:.3g} and {ends[1]:.3g} at its ends"
        )
    return shape


def require_walls(found, width, magnetic_field, modes, kept):
    """The width and `Walls` of a channel, where what else was given goes with them."""
    given = {"width": width, "magnetic_field": magnetic_field}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} must be left out between hard walls that bend")
    require_count("modes", modes, SUPPLEMENTS + 2, " between hard walls that bend")
    if kept is not None and set(np.atleast_1d(kept).tolist()) != {modes}:
        raise ValueError(
            f"kept must be left out, or {modes} as modes is: all modes count between hard walls "
            "that bend"
        )
    return found
