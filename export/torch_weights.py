"""Weights of the paper's published PyTorch networks in ours.

Reads the layouts in which they are published (a dict with "state_dict" and keys that begin with
"net.", a Lightning checkpoint, a plain state dict, safetensors), finds width, depth, channels and
classes from the shapes, and assigns every weight by name. Keys that begin with "loss", and
counters, carry no weight of the network and are skipped.
"""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgp.errors import KgpError

if TYPE_CHECKING:
    import keras

_log = logging.getLogger(__name__)
_SKIPPED = re.compile(r"^loss|num_batches_tracked$")
_NEAR_ZERO = 1e-4

State = dict[str, np.ndarray]
Plan = Callable[[int], Iterable[tuple[str, str, str]]]


def read_torch_weights(path: Path) -> State:
    """The arrays of a weight file by name, without the prefix "net.".

    safetensors files need no torch; the others are read by torch with `weights_only=True`, so
    nothing in them is run.

    Raises:
        KgpError: the file is missing, damaged or of another kind, or a package to read it is not
            installed.
    """
    path = Path(path)
    if not path.is_file():
        raise KgpError(f"{path} is missing.")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    named = {key.removeprefix("net."): value for key, value in state.items()}
    kept = {key: value for key, value in named.items() if not _SKIPPED.search(key)}
    if not kept:
        raise KgpError(f"{path} holds no weights.")
    return kept


def infer_network(arch: str, state: State) -> dict[str, int]:
    """Width, depth, input channels and classes of the network that the weights belong to.

    Raises:
        KgpError: the weights are of another architecture.
    """
    first, last, repeated = {
        "unet": ("down_path.0.block.0.weight", "last.weight", r"down_path\.(\d+)\."),
        "shuffleunet": ("conv_inp.conv_1.weight", "out.weight", r"wave_down\.(\d+)\."),
        "reconresnet": ("intialConv.1.weight", "finalconv.0.weight", r"resblocks\.(\d+)\."),
    }[arch]
    missing = [key for key in (first, last) if key not in state or state[key].ndim != 4]
    numbers = [int(match.group(1)) for key in state if (match := re.match(repeated, key))]
    if missing or not numbers:
        raise KgpError(
            f"These are not the weights of {arch}: no kernel {missing[0] if missing else repeated} is among their names, "
            f"which begin with {', '.join(list(state)[:3])}."
        )
    return {
        "width": state[first].shape[0],
        "input_channels": state[first].shape[1],
        "classes": state[last].shape[0],
        "depth": max(numbers) + 1,
    }


def assign_weights(model: "keras.Model", arch: str, state: State) -> None:
    """Puts the weights into a network built by `kgp.networks` with what `infer_network` says.

    Raises:
        KgpError: keys are missing, unknown or misshaped; all are listed by name.
    """
    depth = infer_network(arch, state)["depth"]
    expected: set[str] = set()
    problems = []
    for layer_name, kind, key in PLANS[arch](depth):
        names = [f"{key}.{suffix}" for suffix in _SUFFIXES[kind]]
        expected.update(names)
        missing = [name for name in names if name not in state]
        if missing:
            problems += [f"{name} is missing" for name in missing]
            continue
        layer = model.get_layer(layer_name)
        values = _CONVERSIONS[kind]([state[name].astype(np.float32) for name in names])
        wanted = [tuple(weight.shape) for weight in layer.weights]
        if [value.shape for value in values] != wanted:
            problems.append(f"{names[0]} has shape {state[names[0]].shape}, which does not give {wanted[0]}")
            continue
        layer.set_weights(values)
    problems += [f"{name} is unknown" for name in sorted(set(state) - expected)]
    if problems:
        raise KgpError(f"The weights do not fit {arch}: {'; '.join(problems)}.")
    if arch == "reconresnet":
        _report_dead_blocks(state, depth)


def _report_dead_blocks(state: State, depth: int) -> None:
    """Warns of residual blocks that never learned: the public training has dropout 1.0."""
    dead = [
        number
        for number in range(depth)
        if np.abs(state[f"resblocks.{number}.conv_block.1.weight"]).mean() < _NEAR_ZERO
    ]
    if dead:
        _log.warning(
            "%d of %d residual blocks have weights near zero: they were trained with a dropout probability of 1 "
            "and add nothing.",
            len(dead),
            depth,
        )


def _unet(depth: int) -> Iterable[tuple[str, str, str]]:
    """(our layer, kind of conversion, their key) for each layer with weights."""
    for level in range(depth):
        for number, index in ((1, 0), (2, 2)):
            yield f"enc{level + 1}_conv{number}", "convolution", f"down_path.{level}.block.{index}"
    for step in range(depth - 1):
        level = depth - 1 - step
        yield f"dec{level}_up", "convolution", f"up_path.{step}.up"
        for number, index in ((1, 0), (2, 2)):
            yield f"dec{level}_conv{number}", "convolution", f"up_path.{step}.conv_block.block.{index}"
    yield "head", "convolution", "last"


def _reconresnet(depth: int) -> Iterable[tuple[str, str, str]]:
    yield from (("initial_conv", "convolution", "intialConv.1"), ("initial_prelu", "slope", "intialConv.3"))
    for number in range(2):
        ours, theirs = f"down{number + 1}", f"downsam.{number}.conv_block"
        yield from ((f"{ours}_conv", "convolution", f"{theirs}.0"), (f"{ours}_prelu", "slope", f"{theirs}.2"))
    for number in range(depth):
        ours, theirs = f"block{number + 1}", f"resblocks.{number}.conv_block"
        yield from (
            (f"{ours}_1_conv", "convolution", f"{theirs}.1"),
            (f"{ours}_1_prelu", "slope", f"{theirs}.3"),
            (f"{ours}_2_conv", "convolution", f"{theirs}.6"),
        )
    for number in range(2):
        ours, theirs = f"up{2 - number}", f"upsam.{number}.conv_block"
        yield from ((f"{ours}_conv", "convolution", f"{theirs}.1"), (f"{ours}_prelu", "slope", f"{theirs}.3"))
    yield "head", "convolution", "finalconv.0"


def _shuffleunet(depth: int) -> Iterable[tuple[str, str, str]]:
    for number in (1, 2):
        yield f"input_{number}_conv", "convolution", f"conv_inp.conv_{number}"
    for level in range(depth):
        ours, down = f"enc{level + 1}", f"pix_unshuff.{level}.down_conv.conv"
        for branch in range(1, 5):
            yield f"{ours}_branch{branch}_conv", "convolution", f"wave_down.{level}.conv{branch}"
        yield f"{ours}_unshuffle_conv", "convolution", f"pix_unshuff.{level}.conv"
        yield from (
            (f"{ours}_down1_conv", "after_unshuffle", f"{down}.0"),
            (f"{ours}_down1_norm", "norm", f"{down}.1"),
            (f"{ours}_down2_conv", "convolution", f"{down}.3"),
            (f"{ours}_down2_norm", "norm", f"{down}.4"),
        )
        for number in (1, 2):
            yield f"{ours}_{number}_conv", "convolution", f"conv_enc.{level}.conv_{number}"
    for step in range(depth):
        ours = f"dec{depth - step}"
        yield f"{ours}_shuffle_conv", "before_shuffle", f"pix_shuff.{step}.conv"
        for branch in range(1, 5):
            yield f"{ours}_branch{branch}_conv", "convolution", f"wave_up.{step}.conv{branch}"
        for number in (1, 2):
            yield f"{ours}_{number}_conv", "convolution", f"convup.{step}.conv_{number}"
    yield "head", "convolution", "out"


def _convolution(values: list[np.ndarray]) -> list[np.ndarray]:
    """torch keeps kernels as (out, in, height, width)."""
    return [values[0].transpose(2, 3, 1, 0), *values[1:]]


def _after_unshuffle(values: list[np.ndarray]) -> list[np.ndarray]:
    """torch's unshuffled channels are c * 4 + parity, ours parity * C + c."""
    kernel, bias = values
    ordered = kernel.reshape(kernel.shape[0], -1, 4, *kernel.shape[2:]).swapaxes(1, 2).reshape(kernel.shape)
    return _convolution([ordered, bias])


def _before_shuffle(values: list[np.ndarray]) -> list[np.ndarray]:
    """The same for the outputs that are going to be shuffled."""
    return _convolution(
        [value.reshape(-1, 4, *value.shape[1:]).swapaxes(0, 1).reshape(value.shape) for value in values]
    )


# Of each architecture that was published: (our layer, kind, its key in the file), by depth.
PLANS: dict[str, Plan] = {"unet": _unet, "shuffleunet": _shuffleunet, "reconresnet": _reconresnet}
_SUFFIXES = {
    "convolution": ("weight", "bias"),
    "after_unshuffle": ("weight", "bias"),
    "before_shuffle": ("weight", "bias"),
    "slope": ("weight",),
    "norm": ("weight", "bias", "running_mean", "running_var"),
}
_CONVERSIONS: dict[str, Callable[[list[np.ndarray]], list[np.ndarray]]] = {
    "convolution": _convolution,
    "after_unshuffle": _after_unshuffle,
    "before_shuffle": _before_shuffle,
    "slope": list,
    "norm": list,
}


def _read_safetensors(path: Path) -> State:
    try:
        import ml_dtypes  # noqa: F401 - comes with keras, and teaches NumPy bfloat16 and float8
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
    except ImportError:
        raise KgpError(
            'Reading safetensors needs the package safetensors; install it with: pip install "kgp[torch]"'
        ) from None
    try:
        return {name: value.astype(np.float32) for name, value in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise KgpError(f"{path} cannot be read as safetensors: {error}.") from None


def _read_torch(path: Path) -> State:
    try:
        import torch
    except ImportError:
        raise KgpError(f'Reading {path.name} needs torch; install it with: pip install "kgp[torch]"') from None
    from pickle import UnpicklingError

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise KgpError(f"{path} cannot be read as torch weights: {first}") from None
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise KgpError(f"{path} holds no state dict of tensors.")
    return {str(key): value.detach().float().numpy() for key, value in content.items()}
