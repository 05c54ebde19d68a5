"""The run directory as a contract: its files, typed and versioned; arms; the rule of the winner.

The ground floor: it imports nothing of this project, and everything else may import it. Run
directories are written and read only through it.
"""

from runs.telemetry import switch_off

switch_off()
