"""Few sizes of arrays: calls with (5,) and with (2, 3) points run the same compiled program."""

import jax
import numpy as np

_MOST = 1024  # points: for more, evaluating them takes longer than compiling for their number
_DOUBLED = 64  # up to this size the next power of two, beyond it four sizes for each doubling


def padded_size(size: int) -> int:
    """The number of points, this one or a little more, for which a program is compiled."""
    if not 1 < size <= _MOST:
        return size
    power = 1 << (size - 1).bit_length()
    step = power if size <= _DOUBLED else power // 8
    return max(4, -(-size // step) * step)


def padded(trees):
    """Trees whose arrays are one column each, filled up to a `padded_size`; and the way back.

    The last point is repeated. Numbers stay as they are, and so does everything where there is
    nothing to gain, or where an array lies on several devices.

    Args:
        trees: a pytree whose arrays broadcast together.

    Returns:
        The trees, and a function from results with the shape of the column in front to those with
        the common shape of the arrays.
    """
    leaves, structure = jax.tree.flatten(trees)
    shapes = [np.shape(leaf) for leaf in leaves]
    shape = _common(shapes)
    size = padded_size(int(np.prod(shape)))
    if shape in ((), (size,)) or not size or any(map(_is_special, leaves)):
        return trees, lambda results: results

    def column(leaf):
        flat = np.broadcast_to(np.asarray(leaf), shape).reshape(-1)
        return np.pad(flat, (0, size - flat.size), mode="edge")

    def restored(result):
        points = np.asarray(result)[: int(np.prod(shape))]
        # NumPy, unlike JAX, compiles nothing for a shape.
        return jax.device_put(points.reshape(shape + points.shape[1:]), result.sharding)

    columns = [column(leaf) if own else leaf for leaf, own in zip(leaves, shapes, strict=True)]
    return jax.tree.unflatten(structure, columns), lambda results: jax.tree.map(restored, results)


def _common(shapes):
    """The common shape; () where there is none, which the program itself refuses."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return ()


def _is_special(leaf):
    """Whether an array has something that a column would lose."""
    if not isinstance(leaf, jax.Array):
        return False
    return len(leaf.sharding.device_set) > 1 or (leaf.ndim > 0 and leaf.weak_type)
