"""How well a network classifies and segments, with intervals over patients."""
