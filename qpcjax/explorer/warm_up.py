"""What the page shows first, computed once before anybody asks: then it is compiled.

marimo runs the page's code in threads of the server's own process, so that they find it.
"""

from qpcjax.explorer import barriers
from qpcjax.explorer.live_outputs import Screen
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.transport.reservoirs import Reservoirs


def warm(model=barriers.FIRST):
    """Compute everything for a barrier with the sliders as they stand at first.

    Args:
        model: a name of `named_barriers`.
    """
    barrier = barriers.named_barriers()[model]
    scatterer, mu = barrier.build({name: knob.value for name, knob in barrier.knobs.items()})
    reservoirs = Reservoirs(mu, barriers.BIAS.value, barriers.TEMPERATURE.value)
    damping = QuadraticDamping(barriers.DAMPING.value)
    for _ in Screen().moved(scatterer, reservoirs, damping):
        pass
