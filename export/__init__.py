"""Models out and weights in: SavedModel, LiteRT, the proof that they equal their run, and published PyTorch weights."""
