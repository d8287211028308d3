"""Numerical building blocks that XLA needs, kept apart from the physics."""
