"""What turns a backbone's features into a model: one file a head."""
