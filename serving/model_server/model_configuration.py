"""TensorFlow Serving's configuration of models: a reload request, or a file in text format."""

import re
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from kgp.errors import UsageError

Configuration = dict[str, tuple[Path, dict[str, int]]]  # folder and version by label, by model
_NAME = re.compile(r"[^/:\s\x00-\x1f]{1,255}")  # a name stands in the path of an address


def model_configuration(config: model_server_config_pb2.ModelServerConfig) -> Configuration:
    """Folder and labels of each model, by name.

    Raises:
        ValueError: it is not a list of models, a name is no name or stands there twice, or another
            version policy than "the newest" is asked for.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise ValueError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
        )
    models: Configuration = {}
    for model in config.model_config_list.config:
        policy = model.model_version_policy
        if policy.WhichOneof("policy_choice") not in (None, "latest") or policy.latest.num_versions > 1:
            raise ValueError(
                f"model_version_policy of model {model.name} is not supported; the newest version is served, and every "
                "version that has a label"
            )
        if not _NAME.fullmatch(model.name):
            raise ValueError(f"{model.name!r} is no name of a model; 1 to 255 characters without / : and spaces are")
        if model.name in models:
            raise ValueError(f"Illegal to list model {model.name} multiple times in config list")
        models[model.name] = (Path(model.base_path), dict(model.version_labels))
    return models


def read_model_configuration(path: Path) -> Configuration:
    """Reads a file as TensorFlow Serving's --model_config_file takes it.

    Raises:
        UsageError: it cannot be read, or is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
        configuration = model_configuration(text_format.Parse(text, model_server_config_pb2.ModelServerConfig()))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, text_format.ParseError) as error:
        raise UsageError(f"{path} is no configuration of models: {error}.") from None
    if not configuration:
        raise UsageError(f"{path} names no model.")
    return configuration
