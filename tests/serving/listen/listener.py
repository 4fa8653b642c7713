"""A listener for tests that kill it: FOLDER SECONDS. Each study takes SECONDS; FOLDER.log notes
when it begins and ends."""

import logging
import sys
import time
from pathlib import Path

from serving.listen.log_privacy import keep_values_out_of_logs
from serving.listen.receiver import ReceiverOptions
from serving.listen.service import ListenService, ServiceOptions, run_until_signalled

folder, seconds = Path(sys.argv[1]), float(sys.argv[2])


def note(text):
    with open(folder.with_suffix(".log"), "a") as stream:
        stream.write(f"{text}\n")


def process(study, result, **circumstances):
    note(f"begin {study.name}")
    time.sleep(seconds)
    result.mkdir()
    (result / "objects.txt").write_text(str(len(list(study.iterdir()))))
    note(f"end {study.name}")


logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
keep_values_out_of_logs()
run_until_signalled(ListenService(folder, process, ReceiverOptions(port=0), ServiceOptions(quiet_seconds=0.3)))
