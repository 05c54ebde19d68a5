"""A trained model as ONNX, in several precisions, and what each of them costs."""
