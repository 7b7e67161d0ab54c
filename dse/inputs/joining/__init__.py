"""Layers as an importer first makes them, joined into those that a person would have written; ONNX and PyTorch share it."""
