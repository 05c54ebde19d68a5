"""Trials and arms in order, the best first."""
