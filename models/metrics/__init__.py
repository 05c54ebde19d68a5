"""Metrics from counts and matches. Without torch: `analysis` resamples by the same formulas."""
