import subprocess
import sys
import threading

import pytest

from kgp.errors import KgpError
from kgp.folder_lock import locked_folder

HOLD = """
import pathlib, sys, time
from kgp.folder_lock import locked_folder
with locked_folder(pathlib.Path(sys.argv[1]), "held"):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_once_and_freed_at_the_end_of_the_block(tmp_path):
    with locked_folder(tmp_path, "never"), pytest.raises(KgpError, match="^in use$"), locked_folder(tmp_path, "in use"):
        pass
    with locked_folder(tmp_path, "never"):
        pass


def test_another_thread_may_free_the_lock(tmp_path):
    lock = locked_folder(tmp_path, "never")
    lock.__enter__()
    thread = threading.Thread(target=lock.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    with locked_folder(tmp_path, "never"):
        pass


def test_a_process_that_is_killed_frees_its_lock(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(KgpError, match="in use"), locked_folder(tmp_path, "in use"):
            pass
        process.kill()
        process.wait()
    with locked_folder(tmp_path, "never"):
        pass
