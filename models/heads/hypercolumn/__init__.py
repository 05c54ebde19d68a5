"""Segmentation from zoom-out features of a frozen VGG: options, features, pixels, network."""
