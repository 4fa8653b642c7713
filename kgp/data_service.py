"""kgp data-service: read and augment training slices for trainings elsewhere, with tf.data service.

The first host runs the dispatcher and a worker; other hosts add workers with --dispatcher.
Trainings name the dispatcher: kgp train --data-service HOST:PORT. All hosts must see the prepared
slices under the same path.

TensorFlow offers no way to listen on one interface alone and asks for no password: keep the ports
behind a firewall.
"""

import argparse
import logging
import signal
import threading

from kgp.command import run
from kgp.errors import UsageError

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp data-service",
        usage="kgp data-service [--host NAME] [--port PORT | --dispatcher HOST:PORT]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="name or address under which trainings reach this host (default: %(default)s)",
    )
    parser.add_argument("--port", type=int, default=5050, help="of the dispatcher; 0 for any (default: %(default)s)")
    parser.add_argument("--dispatcher", metavar="HOST:PORT", help="add a worker to this dispatcher; start none here")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Serves until SIGTERM or Ctrl-C."""
    if not 0 <= arguments.port < 65536:
        raise UsageError(f"--port must lie in 0..65535, not {arguments.port}.")
    from kgp.data.service import check_reachable, start_dispatcher, start_worker

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    address = arguments.dispatcher
    if address:
        check_reachable(address)
    else:
        dispatcher, port = start_dispatcher(arguments.port)
        address = f"{arguments.host}:{port}"
    worker = start_worker(address, arguments.host)
    _log.warning("TensorFlow listens on all interfaces and asks for no password: keep the ports behind a firewall.")
    _log.info("Ready: kgp train --data-service %s (Ctrl-C stops).", address)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        worker._stop()
        if not arguments.dispatcher:
            dispatcher._stop()


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp data-service` and `python -m kgp.data_service`."""
    return run("data-service", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
