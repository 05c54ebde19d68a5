"""Backbones, heads, losses, metrics, initial weights, tasks and the training loop.

Nothing here needs Ray, Optuna, a sweep file or the analysis.
"""
