"""What predicts a data set: of a barrier in its circuit, or of gates."""

from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.gate_predictions import GatePredictor
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.measurements.circuit import Resolution


def predictor(device, response, settings, order=8, moving=(), resolution=None, made=True):
    """A `Predictor`, or the `GatePredictor` of a `GatedSample`.

    Args:
        device: `Device` or `GatedSample`.
        response: `Response` that is predicted, or its name.
        settings: name -> NumPy array, all of one length.
        order: Gauss nodes in a panel of a `Predictor`.
        moving: indices of the numbers to differentiate by.
        resolution: what is static, as `kernel.resolution` has it, or a sequence of its fields.
        made: whether room is made where there is no resolution; else `make_room` comes next.
    """
    if isinstance(device, GatedSample):
        return GatePredictor(device, response, settings, moving, resolution)
    if resolution is not None:
        resolution = Resolution(*resolution)
        order = resolution.order
    elif not made:
        resolution = Resolution(order)
    return Predictor(device, response, settings, order, moving, resolution)
