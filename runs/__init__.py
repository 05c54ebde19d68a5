"""The run directory as a contract: its files, typed and versioned; arms; the rule of the winner.

The ground floor: it imports nothing of this project, and everything else may import it. The engine
writes run directories through it, and whoever reads one reads it here.
"""
