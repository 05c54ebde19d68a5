"""Libraries report how they are used to their makers unless told not to: here they are told.

Imported by `runs` itself, and so before any of them. What a person has set in the environment
stays.
"""

import os

SILENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "DO_NOT_TRACK": "1",
}


def switch_off() -> None:
    """Set what turns off the reports of each library, for this process and those it starts."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
