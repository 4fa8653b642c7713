"""Search for the training options that suit one's data, with KerasTuner."""
