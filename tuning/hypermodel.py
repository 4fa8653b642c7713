"""The training configuration as a KerasTuner HyperModel."""

from typing import Any

import keras
import keras_tuner

from kgp.config import RunConfig
from kgp.run_folder import build_network
from tuning.space import Space, configured, declare


class RunHyperModel(keras_tuner.HyperModel):
    """Networks of a base configuration with some of its values searched.

    `build` is what KerasTuner asks for; the trainings themselves run `config_of` in processes of
    their own (`tuning.trial`).

    Args:
        base: the configuration whose other values stay.
        space: the parameters searched.
        shape: (H, W, C) of a slice.
        classes: number of classes.
    """

    def __init__(self, base: RunConfig, space: Space, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__(name=f"gp-{base.network.arch}")
        self.base, self.space = base, space
        self.shape, self.classes = shape, classes

    def config_of(self, hp: keras_tuner.HyperParameters) -> RunConfig:
        """The configuration of one set of hyperparameters."""
        return configured(self.base, declare(self.space, self.base, hp))

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        """The network of one set of hyperparameters, not trained."""
        model: keras.Model = build_network(self.config_of(hp), self.shape, self.classes)
        return model
