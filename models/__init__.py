"""Backbones, heads, losses, initial weights and the training loop; knows nothing of Ray or YAML."""
