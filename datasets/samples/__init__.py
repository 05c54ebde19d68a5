"""Small synthetic data sets, each written in the layout of the real one it stands in for."""
