"""The systemd unit and the container file start what they say."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[3] / "serving" / "deploy"


def of_unit(name):
    """The values of a setting of the unit, in order."""
    lines = (DEPLOY / "kgp-console.service").read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def of_container(name):
    """The words of an instruction of the container file."""
    return json.loads(re.search(rf"^{name} (.*)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)[1])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_unit(tmp_path):
    program, _, rest = of_unit("ExecStart")[0].partition(" ")
    text = (DEPLOY / "kgp-console.service").read_text().replace(f"={program} {rest}", f"={sys.executable} {rest}")
    (tmp_path / "kgp-console.service").write_text(text)
    command = ["systemd-analyze", "verify", str(tmp_path / "kgp-console.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_keeps_state_where_it_may_write_and_opens_loopback_only():
    (command,) = of_unit("ExecStart")
    assert f"--out /var/lib/{of_unit('StateDirectory')[0]}" in command and "--host" not in command
    assert (of_unit("IPAddressDeny"), of_unit("IPAddressAllow")) == (["any"], ["localhost"])
    assert of_unit("DynamicUser") == ["yes"] and of_unit("ProtectSystem") == ["strict"]


def test_both_are_words_that_the_command_takes():
    from kgp.console import build_parser

    for words in (shlex.split(of_unit("ExecStart")[0]), of_container("ENTRYPOINT") + of_container("CMD")):
        assert words[1:3] == ["console", "listen"]
        arguments = build_parser().parse_args(words[2:])
        assert (arguments.aet, arguments.port, arguments.model.name) == ("KGP", 11112, "model.tflite")


def test_the_container_installs_without_a_network_and_runs_as_nobody_in_particular():
    text = (DEPLOY / "Containerfile").read_text()
    assert "--no-index --find-links /wheels 'kgp[console]'" in text
    assert re.search(r"^USER kgp$", text, re.MULTILINE)
