"""Names of classes that all data share."""

BACKGROUND = "background"
"""Name of class id 0."""
