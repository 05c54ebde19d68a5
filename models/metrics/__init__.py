"""Metrics from counts and matches. Numpy alone, so that `analysis` resamples by the same formulas."""
