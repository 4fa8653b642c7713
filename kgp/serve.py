"""kgp serve: serve exported networks over TensorFlow Serving's gRPC and REST protocols.

MODELS is a folder that `kgp export --format savedmodel` writes versions into; its name is the
model's name. The newest version is served, and a newer one takes over without a gap once it went
through its warm-up.
"""

import argparse
import math
import os
import signal
from pathlib import Path

from kgp.command import run
from kgp.errors import UsageError

_MAX_MB = 2147
_LAST_PORT = 65535


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp serve",
        usage="kgp serve MODELS [MODELS ...] [option ...]\n       kgp serve --model-config FILE [option ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", type=Path, nargs="*", metavar="MODELS", help="folder of the versions of a model")
    parser.add_argument(
        "--model-config",
        type=Path,
        metavar="FILE",
        help="models and their labels, in TensorFlow Serving's text format, in place of MODELS",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; others can reach only what is not loopback "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--grpc-port", type=int, default=8500, help="0 for any (default: %(default)s)")
    parser.add_argument("--rest-port", type=int, default=8501, help="0 for any, -1 for none (default: %(default)s)")
    parser.add_argument(
        "--poll-seconds", type=float, default=1.0, help="how often to look for new versions (default: %(default)s)"
    )
    parser.add_argument(
        "--waiting",
        type=int,
        default=64,
        help="requests that may wait before others are refused (default: %(default)s)",
    )
    parser.add_argument(
        "--message-mb",
        type=int,
        default=256,
        help="largest message; all that are being answered may have twice that (default: %(default)s)",
    )
    parser.add_argument(
        "--drain-seconds",
        type=float,
        default=30.0,
        help="how long requests have to end when the server stops (default: %(default)s)",
    )
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="certificate for TLS")
    parser.add_argument("--key", type=Path, metavar="PEM", help="private key for TLS")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="file with a token that clients must send as Bearer authorization",
    )
    parser.add_argument(
        "--require-sha256",
        type=Path,
        metavar="FILE",
        help="load no version but those whose manifest.json has a SHA-256 in this file of sha256sum (default: any)",
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Serves until SIGTERM or Ctrl-C."""
    if bool(arguments.models) == (arguments.model_config is not None):
        raise UsageError("Name either folders of models or --model-config FILE.")
    token = _read_token(arguments.token_file)
    if (arguments.certificate is None) != (arguments.key is None):
        raise UsageError("--certificate and --key go together.")
    _check_numbers(arguments)
    from serving.model_server.model_configuration import Configuration, read_model_configuration
    from serving.model_server.server import ModelServer, ServerOptions
    from serving.model_server.trusted_versions import read_trusted

    if arguments.model_config is None:
        configuration: Configuration = {
            name: (folder, {}) for name, folder in _folders_by_name(arguments.models).items()
        }
    else:
        configuration = read_model_configuration(arguments.model_config)
    _allow_many_connections()
    server = ModelServer(
        configuration,
        ServerOptions(
            host=arguments.host,
            grpc_port=arguments.grpc_port,
            rest_port=arguments.rest_port,
            poll_seconds=arguments.poll_seconds,
            waiting=arguments.waiting,
            message_mb=arguments.message_mb,
            drain_seconds=arguments.drain_seconds,
            certificate=arguments.certificate,
            key=arguments.key,
            token=token,
            trusted=None if arguments.require_sha256 is None else read_trusted(arguments.require_sha256),
        ),
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.start()
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def _check_numbers(arguments: argparse.Namespace) -> None:
    """Checks the numbers among the options.

    Raises:
        UsageError: one is out of its range.
    """
    if not 0 < arguments.poll_seconds < math.inf or arguments.waiting < 1 or arguments.message_mb < 1:
        raise UsageError("--poll-seconds, --waiting and --message-mb must be above 0.")
    if not 0 <= arguments.drain_seconds < math.inf:
        raise UsageError("--drain-seconds must be 0 or more.")
    if arguments.message_mb > _MAX_MB:
        raise UsageError(f"--message-mb must be at most {_MAX_MB}, which gRPC can count, not {arguments.message_mb}.")
    if not 0 <= arguments.grpc_port <= _LAST_PORT or not -1 <= arguments.rest_port <= _LAST_PORT:
        raise UsageError(f"A port is a number from 0 to {_LAST_PORT}, and -1 stands for no REST.")


def _allow_many_connections() -> None:
    """Raises the limit of open files, each connection being one, as far as the system lets us."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _folders_by_name(paths: list[Path]) -> dict[str, Path]:
    """The folders by the names of their models.

    Raises:
        UsageError: a folder is missing, or two have the same name.
    """
    folders: dict[str, Path] = {}
    for path in paths:
        name = Path(os.path.abspath(path)).name  # of a link, not of what it leads to
        if not path.is_dir():
            raise UsageError(f"{path} is not a folder.")
        if (path / "saved_model.pb").is_file():
            raise UsageError(f"{path} is one version; name the folder of the versions, {path.resolve().parent}.")
        if name in folders:
            raise UsageError(
                f"{path} and {folders[name]} have the same name, {name}, so clients could not tell them apart."
            )
        folders[name] = path
    return folders


def _read_token(path: Path | None) -> str:
    """The token in a file, or "" without a file.

    Raises:
        UsageError: the file is empty, or the token cannot stand in a header.
    """
    if path is None:
        return ""
    token = path.read_text(encoding="utf-8").strip()
    if not token:
        raise UsageError(f"--token-file: {path} is empty.")
    if not all("!" <= character <= "~" for character in token):
        raise UsageError(
            f"--token-file: the token in {path} must be of ASCII letters, digits and signs, without spaces."
        )
    return token


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp serve` and `python -m kgp.serve`."""
    return run("serve", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
