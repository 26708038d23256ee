"""A checkpoint at work: loaded, and run by ONNX Runtime or by PyTorch."""
