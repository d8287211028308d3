"""Optimisation: bounded parameters, least squares for batches, screening of many starts."""
