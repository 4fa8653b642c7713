"""The complete description of a training run: one frozen dataclass a stage, checked when built.

Every field is an option of `kgp train`: the flag is the field's name with dashes. Presets
(`kgp.training.presets`) only override defaults. The effective configuration is written to
`config.json` of the run folder, and the run is rebuilt from it.
"""

import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import Any

from kgp.architectures import ARCHITECTURES
from kgp.errors import KgpError, UsageError
from kgp.files import read_json
from kgp.pooling_defaults import DEFAULT_POOLING_VALUES, POOLINGS

NORMALISATIONS = ("slice_maximum", "channel_maximum", "zscore", "percentile", "head_zscore", "none")
STAGE1_SIZE = 96  # pixels a side: a network learns where tumours are faster on small slices

_KINDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a word"}


def option(
    default: Any,
    help: str,
    choices: Collection[str] | None = None,
    low: float | None = None,
    high: float | None = None,
    kind: type | None = None,
) -> Any:
    """A dataclass field with its help text, allowed values and range [low, high]."""
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "kind": kind or type(default)}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The network: an architecture of `kgp.networks` and its arguments."""

    arch: str = option("unet", "network", choices=ARCHITECTURES)
    width: int = option(64, "filters of the first level", low=1)
    depth: int = option(0, "levels (unet, shuffleunet) or residual blocks (reconresnet); 0 for the paper's", low=0)
    dropout: float = option(
        0.5, "probability of spatial dropout at the bottleneck (reconresnet: in each block)", low=0.0, high=0.999
    )
    normalisation_layer: str = option(
        "default",
        "normalisation after each convolution; 'default' is the paper's",
        choices=("default", "none", "batch", "instance"),
    )
    upsampling: str = option("sinc", "up-sampling", choices=("sinc", "bilinear", "transposed"))
    pooling: str = option("max", "global pooling of the head", choices=POOLINGS)
    pooling_value: float = option(
        0.0,
        "r of lse, or q of topfraction; 0 for the usual one "
        f"({DEFAULT_POOLING_VALUES['lse']:g} and {DEFAULT_POOLING_VALUES['topfraction']:g})",
        low=0.0,
    )
    head_order: str = option(
        "pool_then_project", "order of the head", choices=("pool_then_project", "project_then_pool")
    )


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Random changes of training slices: probabilities in [0, 1], ranges symmetric about none."""

    rotation: float = option(0.0, "largest rotation in degrees", low=0.0, high=360.0)
    flip_horizontal: float = option(0.0, "probability of a left-right flip", low=0.0, high=1.0)
    flip_vertical: float = option(0.0, "probability of an up-down flip", low=0.0, high=1.0)
    scale: float = option(0.0, "largest relative change of size", low=0.0, high=0.9)
    shift: float = option(0.0, "largest shift as a share of the picture's side", low=0.0, high=0.5)
    elastic: float = option(0.0, "largest elastic displacement as a share of the picture's side", low=0.0, high=0.2)
    gain: float = option(0.0, "largest relative change of each contrast's intensity", low=0.0, high=0.9)
    offset: float = option(0.0, "largest offset of each contrast, in standard deviations of the slice", low=0.0)
    gamma: float = option(0.0, "largest change of log gamma", low=0.0)
    noise: float = option(0.0, "largest noise level, in standard deviations of the slice", low=0.0)
    blur: float = option(0.0, "largest Gaussian blur, in pixels", low=0.0)
    bias_field: float = option(0.0, "largest relative change of intensity by a smooth bias field", low=0.0, high=0.9)
    ghosting: float = option(0.0, "largest share of the signal in ghosts along the phase axis", low=0.0, high=0.9)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """The slices: size, intensities, labels, split."""

    size: int = option(0, "side of the square slices in pixels; 0 keeps the data's own size", low=0)
    normalisation: str = option("slice_maximum", "intensity normalisation", choices=NORMALISATIONS)
    labels: tuple[str, ...] = option(
        (),
        "classes from the data's labels, as NAME=LABEL[,LABEL] (label names or "
        "numbers; * for all others); labels not named are left out",
        kind=str,
    )
    no_tumour: str = option(
        "",
        'the class or label, by name or number, that means "no tumour"; "none" where every class is a tumour; not given, '
        "it is the label called healthy, no_tumour or the like, else label 0 unless it is called a tumour",
    )
    contrasts: tuple[str, ...] = option(
        (), "names of the image channels, in order, where the data does not say; or the contrasts to use", kind=str
    )
    split: str = option(
        "patient",
        "what a split keeps together; 'slice-leaky' is the paper's split by slice, "
        "which puts slices of one patient in training and test",
        choices=("patient", "slice-leaky"),
    )
    folds: int = option(0, "number of cross-validation folds; 0 for one split 60/20/20", low=0)
    fold: int = option(0, "which fold is the test part, from 0; all (of kgp train) for each in turn, pooled", low=0)


@dataclasses.dataclass(frozen=True)
class OptimiserConfig:
    """How the weights are fitted."""

    optimiser: str = option(
        "adam_l2",
        "adam_l2 adds the decay to the gradient (torch's weight_decay), adamw applies it to the weights",
        choices=("adam_l2", "adamw"),
    )
    learning_rate: float = option(1e-3, "learning rate at the start", low=0.0)
    schedule: str = option("constant", "course of the learning rate", choices=("constant", "cosine"))
    weight_decay: float = option(5e-4, "weight decay", low=0.0)
    clip_value: float = option(1.0, "gradients are clipped to this absolute value; 0 for no clipping", low=0.0)
    batch_size: int = option(8, "slices a step", low=1)
    accumulation: int = option(16, "steps whose gradients are averaged into one update", low=1)
    epochs: int = option(300, "passes over the training slices; of two stages those of the first", low=1)
    stages: int = option(
        1,
        "2: after a first stage the network goes on with a label for every pixel, which the first stage's own "
        "heatmaps give; no true mask is read",
        low=1,
        high=2,
    )
    stage1_size: int = option(
        0, f"side of the slices in the first of two stages; 0 for {STAGE1_SIZE}, or --size where that is less", low=0
    )
    stage2_epochs: int = option(12, "passes over the training slices in the second of two stages", low=1)
    equivariance: float = option(
        0.0,
        "weight of the squared difference between the heatmap of a slice and that of the "
        "slice turned by 90 degrees; the turned slice is classified too",
        low=0.0,
    )
    batch_statistics: str = option(
        "moving",
        "what batch normalisation predicts with: means over the last training batches, which are augmented; or those of "
        "plain training slices, estimated at the end of each epoch",
        choices=("moving", "plain"),
    )
    class_weights: bool = option(True, "weight classes by their rarity in the training part")
    keep: str = option(
        "best", "weights kept: of the epoch with the best validation macro-F1, or of the last", choices=("best", "last")
    )
    patience: int = option(0, "stop after this many epochs without a better validation macro-F1; 0 never stops", low=0)
    mixed_precision: bool = option(False, "compute in 16-bit floats where the device can")
    strategy: str = option(
        "single",
        "devices to train on: one; all GPUs of this host (mirrored); or those of several hosts (multiworker), which "
        "TF_CONFIG of each process names. Batches are shared out among them",
        choices=("single", "mirrored", "multiworker"),
    )
    devices: int = option(
        0, "most devices used on this host by mirrored; without a GPU its CPU stands for so many; 0 for all", low=0
    )
    data_service: str = option(
        "", "address HOST:PORT of a kgp data-service whose hosts read and augment the training slices", kind=str
    )
    seed: int = option(0, "seed of split, weights, order and augmentation", low=0)


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """The whole run. `preset` is only a record of where the values came from.

    `left_to_data` is no part of it and in no file: names of fields that a preset may still change
    once the data are known; see `kgp.training.fit_to_data`. Whatever is overridden is decided.
    """

    preset: str
    network: NetworkConfig = NetworkConfig()
    augment: AugmentConfig = AugmentConfig()
    data: DataConfig = DataConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    left_to_data: tuple[str, ...] = dataclasses.field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        for section in (self.network, self.augment, self.data, self.optimiser):
            for field in dataclasses.fields(section):
                _check(field, getattr(section, field.name))

    @property
    def scales_logits(self) -> bool:
        """Whether the logits have a scale and an offset of their own, which a second stage learns;
        see `kgp.networks.logit_scale`.
        """
        return self.optimiser.stages == 2

    def to_dict(self) -> dict[str, Any]:
        """The configuration as plain JSON values."""
        values = dataclasses.asdict(self)
        del values["left_to_data"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """The configuration that `to_dict` wrote.

        Raises:
            UsageError: it is no such thing, a section or key is unknown, or a value is not allowed.
        """
        if not isinstance(values, dict):
            raise UsageError(f"A configuration is an object of sections, not {values!r}.")
        sections = {field.name: field for field in dataclasses.fields(cls) if field.name != "left_to_data"}
        for name in values:
            if name not in sections:
                raise UsageError(f"Unknown section {name!r} in the configuration; known are {', '.join(sections)}.")
        built: dict[str, Any] = {"preset": values.get("preset", "")}
        if not isinstance(built["preset"], str):
            raise UsageError(f"The preset of a configuration is a name, not {built['preset']!r}.")
        for name, field in sections.items():
            if name != "preset":
                built[name] = _section(field.type, values.get(name, {}))
        return cls(**built)

    def override(self, **values: Any) -> "RunConfig":
        """A copy with single fields changed; field names are unique over all sections.

        Raises:
            UsageError: a name is unknown or a value is not allowed.
        """
        changed: dict[str, Any] = {"left_to_data": tuple(name for name in self.left_to_data if name not in values)}
        for name in ("network", "augment", "data", "optimiser"):
            section = getattr(self, name)
            known = {field.name for field in dataclasses.fields(section)}
            changed[name] = dataclasses.replace(section, **{k: values.pop(k) for k in list(values) if k in known})
        if values:
            raise UsageError(f"Unknown option {next(iter(values))!r} in the configuration.")
        return dataclasses.replace(self, **changed)


def read_config_file(path: Path) -> RunConfig:
    """The configuration in a file such as the config.json of a run.

    Raises:
        KgpError: the file is missing, is not JSON, or is not a configuration that this version
            knows.
    """
    try:
        return RunConfig.from_dict(read_json(path))
    except UsageError as error:  # the file is wrong, not the command
        raise KgpError(f"{path}: {error}") from None


def _section(kind: Any, values: dict[str, Any]) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    if not isinstance(values, dict):
        raise UsageError(f"A section of the configuration is an object of options, not {values!r}.")
    for name in values:
        if name not in fields:
            raise UsageError(f"Unknown option {name!r} in the configuration; known are {', '.join(fields)}.")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def _check(field: dataclasses.Field, value: Any) -> None:
    rule = field.metadata
    flag = f"--{field.name.replace('_', '-')}"
    if isinstance(field.default, tuple):
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            raise UsageError(f"{flag} must be a list of words, not {value!r}.")
        return
    accepted = (int, float) if rule["kind"] is float else rule["kind"]
    if not isinstance(value, accepted) or (isinstance(value, bool) and rule["kind"] is not bool):
        raise UsageError(f"{flag} must be {_KINDS[rule['kind']]}, not {value!r}.")
    if rule["choices"] and value not in rule["choices"]:
        raise UsageError(f"{flag} must be one of {', '.join(rule['choices'])}, not {value!r}.")
    if rule["low"] is not None and not value >= rule["low"]:
        raise UsageError(f"{flag} must be at least {rule['low']}, not {value}.")
    if rule["high"] is not None and not value <= rule["high"]:
        raise UsageError(f"{flag} must be at most {rule['high']}, not {value}.")
