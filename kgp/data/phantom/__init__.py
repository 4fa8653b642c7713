"""Drawing of the phantom: anatomy, tumours, and the scanner that turns both into four contrasts."""
