"""Losses of segmentation by name, and class weights."""
