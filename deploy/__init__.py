"""What uses a finished model: maps of scenes, export, the model card, a server."""
