"""Sweep files, and the engine that runs them: schema, search, plan, slots, trials, the run."""
