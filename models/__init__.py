"""Backbones, heads, losses, metrics, initial weights, tasks and the training loop.

Nothing here needs Ray, Optuna, a sweep file or the analysis.
"""

from runs.telemetry import switch_off

switch_off()  # before timm, which brings the Hugging Face hub
