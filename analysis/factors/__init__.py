"""What single factors brought on test, where a run compares them: bands, labels, pixels, a probe.

Each is asked of arms that differ in that factor alone; see `tested` and `pairs`.
"""
