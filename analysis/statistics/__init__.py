"""What the scores of a run say: uncertainty, ties, effects, importance, effort and cost."""
