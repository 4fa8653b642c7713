"""`kgp serve` on a bad day: what clients, folders and storage have done to model servers.

    python benchmarks/serving_bad_day.py MODELS/kgp

Starts `kgp serve` over a copy of the newest version and sends it bursts, bodies that trickle,
smuggled requests and a body of 100 MB, each beside a client that must be served. Prints a line for
each. Linux only (it reads /proc).
"""

import argparse
import asyncio
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable
from pathlib import Path

import numpy as np

from kgp.runtime.artifact import read_artifact, version_folders

GRPC, REST = 18510, 18511
HOST = "127.0.0.1"


def main() -> int:
    """Runs everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, help="folder of the versions of a model")
    arguments = parser.parse_args()
    newest = max(version_folders(arguments.models).items())[1]
    description, _ = read_artifact(newest / "manifest.json", newest)
    slice_ = np.random.default_rng(0).uniform(0, 255, description.shape).round(2).astype(np.float32)
    body = _body(slice_[None])
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "kgp"
        shutil.copytree(newest, models / "1")
        server = _start(models)
        try:
            print(f"one slice of {description.shape}: a body of {len(body) / 1e6:.1f} MB")
            asyncio.run(_clients(server, body, slice_))
            start = time.monotonic()
            server.send_signal(signal.SIGTERM)
            server.wait(120)
            print(f"SIGTERM: ended after {time.monotonic() - start:.1f} s with {server.returncode}")
        finally:
            server.kill()
            server.wait()
    return 0


async def _clients(server: subprocess.Popen[bytes], body: bytes, slice_: np.ndarray) -> None:
    await _said("burst of 1000 GET /alive", _burst(1000, _get("/alive"), 60))
    await _said("500 predictions at a time", _burst(500, _post(body), 180))
    trickling = [asyncio.ensure_future(_trickle(90)) for _ in range(80)]
    await asyncio.sleep(2)
    await _said("a client beside 80 uploads that trickle", _burst(4, _post(body), 60))
    done = await asyncio.gather(*trickling)
    print(f"  the uploads ended after {min(done):.0f} to {max(done):.0f} s (90: never)")
    for name, request in SMUGGLED.items():
        answer = await _exchange(request, 10)
        print(f"{name}: {answer.count(b'HTTP/1.1 ')} answer(s), first {answer[:12].decode(errors='replace')}")
    before = _memory(server)
    large = _body(np.repeat(slice_[None], max(1, round(100e6 / len(body))), axis=0))
    asking = asyncio.ensure_future(_exchange(_post(large), 600))
    slowest = 0.0
    while not asking.done():
        start = time.monotonic()
        await _exchange(_get("/alive"), 60)
        slowest = max(slowest, time.monotonic() - start)
        await asyncio.sleep(0.05)
    print(
        f"a body of {len(large) / 1e6:.0f} MB: {(await asking)[:12].decode()}, peak {_memory(server) - before:.0f} MB above "
        f"the peak before; /alive meanwhile after at most {slowest:.2f} s"
    )
    gone = [asyncio.ensure_future(_exchange(_post(body), 0.05)) for _ in range(12)]
    await asyncio.gather(*gone, return_exceptions=True)
    start = time.monotonic()
    await _exchange(_post(body), 60)
    print(f"after 12 clients that went away: answered after {time.monotonic() - start:.2f} s")


SMUGGLED = {
    "two Content-Lengths": b"POST /v1/models/kgp:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n"
    b"Content-Length: 40\r\n\r\n{}GET /alive HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space before the colon": b"GET /alive HTTP/1.1\r\nHost: x\r\nContent-Length : 33\r\n\r\nGET /ready HTTP/1.1\r\n"
    b"Host: x\r\nConnection: close\r\n\r\n",
    "length and chunks": b"POST /v1/models/kgp:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /alive HTTP/1.1\r\nHost: x\r\n\r\n",
}


def _body(images: np.ndarray) -> bytes:
    return json.dumps({"signature_name": "classify", "instances": images.astype(float).round(2).tolist()}).encode()


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


def _post(body: bytes) -> bytes:
    head = (
        f"POST /v1/models/kgp:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _exchange(request: bytes, seconds: float) -> bytes:
    """The answer to raw bytes.

    Raises:
        OSError, TimeoutError: there is none.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(HOST, REST)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


async def _burst(count: int, request: bytes, seconds: float) -> list[bytes | BaseException]:
    return await asyncio.gather(*[_exchange(request, seconds) for _ in range(count)], return_exceptions=True)


async def _said(name: str, burst: Awaitable[list[bytes | BaseException]]) -> None:
    start = time.monotonic()
    answers = [
        answer[9:12].decode() or "nothing" if isinstance(answer, bytes) else type(answer).__name__
        for answer in await burst
    ]
    counts = ", ".join(f"{count} x {what}" for what, count in sorted(collections.Counter(answers).items()))
    print(f"{name}: {counts} in {time.monotonic() - start:.1f} s")


async def _trickle(seconds: float) -> float:
    """Sends a body byte by byte; returns after how many seconds the server ended it."""
    start = time.monotonic()
    reader, writer = await asyncio.open_connection(HOST, REST)
    writer.write(b"POST /v1/models/kgp:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
    answer = asyncio.ensure_future(reader.read(1))
    while time.monotonic() - start < seconds and not answer.done():
        writer.write(b" ")
        await asyncio.wait([answer], timeout=0.5)
    answer.cancel()
    writer.close()
    return time.monotonic() - start


def _start(models: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kgp.serve", str(models), "--grpc-port", str(GRPC), "--rest-port", str(REST)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, env=dict(os.environ))
    ready = threading.Event()

    def read() -> None:
        for line in server.stderr or ():
            if b"is served" in line:
                ready.set()

    threading.Thread(target=read, daemon=True).start()
    ready.wait(120)
    return server


def _memory(server: subprocess.Popen[bytes]) -> float:
    """The largest memory of a process so far, in 10^6 bytes."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    raise SystemExit(main())
