"""Models out (SavedModel, LiteRT), the proof that they equal their run, and PyTorch weights in."""
