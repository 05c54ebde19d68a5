"""A trained model behind HTTP: images go in, GeoJSON or masks come out."""
