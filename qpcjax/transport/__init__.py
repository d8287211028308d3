"""Transport: integrals over energy, and the current, heat and conductance that they give."""
