"""The error of everything that uses a finished model."""

from runs.errors import EosweepError


class ModelError(EosweepError):
    """A run, an image or an option that cannot be used, and why."""
