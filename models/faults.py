"""What a person is told when a trained model cannot do what was asked of it."""


class ModelError(Exception):
    """One sentence for a person: a run, an image or an option that cannot be used, and why."""
