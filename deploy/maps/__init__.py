"""What a trained model finds in an image of any size, as maps: class rasters, boxes, polygons."""
