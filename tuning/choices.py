"""What a search can aim at and how it can go; light enough for the help of `kgp tune`."""

METHODS = ("random", "bayesian", "hyperband")
OBJECTIVES = {"val_macro_f1": "max", "val_accuracy": "max", "val_loss": "min", "val_dice": "max"}
WITH_MASKS = "val_dice"  # the one objective that looks at masks
TRIALS = 20
