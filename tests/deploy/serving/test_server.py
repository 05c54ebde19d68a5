"""A real server, asked as anyone would: it answers, refuses, and stays up."""

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import pytest
import rasterio
import shapely
from rasterio import Affine

from deploy.__main__ import main
from deploy.trained import open_trained
from tests.processes import listens_on, titled

pytest.importorskip("ray.serve", reason="requirements-serve.txt is not installed")

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
START_S = 300
"""Ray, torch and a model on a busy machine."""

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
PLACE = Affine(0.5, 0, 412345.25, 0, -0.5, 5654321.75)


class Reply(NamedTuple):
    status: int
    kind: str
    content: bytes


class Server(NamedTuple):
    """A running server, its process, and the run that it serves."""

    port: int
    process: subprocess.Popen[str]
    run: Path

    def ask(self, path: str = "/", body: bytes | None = None, **headers: str) -> Reply:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return Reply(reply.status, reply.headers["content-type"], reply.read())
        except urllib.error.HTTPError as refusal:
            return Reply(refusal.code, refusal.headers["content-type"], refusal.read())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def server(
    make_run_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """`python -m deploy serve` with a tiny segmenter, in a process of its own."""
    run = make_run_in(tmp_path_factory.mktemp("served") / "run")
    run.add("000-test_resnet", 0.5)
    port = free_port()
    command = [sys.executable, "-m", "deploy", "serve", run.folder, "--port", str(port)]
    process = subprocess.Popen(
        [*map(str, command), "--max-megabytes", "0.2", "--max-seconds", "5", "--device", "cpu"],
        cwd=ROOT,
        # On a busy machine, a worker that is slow to import torch would be started again.
        env={**os.environ, "OMP_NUM_THREADS": "1", "RAY_worker_register_timeout_seconds": "600"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    too_late = threading.Timer(START_S, process.terminate)
    too_late.start()
    line = process.stdout.readline()
    too_late.cancel()
    assert f"answers at http://127.0.0.1:{port}" in line, process.communicate()[1]
    yield Server(port, process, run.folder)
    # As service managers do; SIGINT is ignored by what a shell runs in the background.
    process.terminate()
    assert process.wait(timeout=START_S) == 0


def scene(side: int, seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, side, side), np.uint8)
    form = {"count": 3, "height": side, "width": side, "dtype": "uint8", "crs": "EPSG:32633"}
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", **form, transform=PLACE) as raster:
            raster.write(pixels)
        return memory.read()


def test_it_answers_what_the_model_finds(server: Server) -> None:
    """In each form, and on its grid: as the model that is opened here sees it, tile by tile."""
    image = scene(32)
    health = server.ask("/health")
    assert (health.status, json.loads(health.content)["model"]) == (200, "000-test_resnet")
    with rasterio.MemoryFile(image) as memory, memory.open() as raster:
        (found,) = open_trained(server.run).find(raster.read()[None])
    expected = found["probabilities"].argmax(dim=0).numpy()
    assert np.unique(expected).size > 1
    for form, kind in (("tif", "image/tiff"), ("png", "image/png")):
        reply = server.ask(f"/?format={form}", image)
        assert (reply.status, reply.kind) == (200, kind)
        with rasterio.open(io.BytesIO(reply.content)) as mask:
            assert (mask.read(1) == expected).all()
    reply = server.ask("/", image, Accept="application/geo+json")
    assert reply.kind == "application/geo+json"
    content = json.loads(reply.content)
    assert content["crs"]["properties"]["name"] == "urn:ogc:def:crs:EPSG::32633"
    outlines = [shapely.geometry.shape(one["geometry"]) for one in content["features"]]
    assert sum(one.area for one in outlines) == pytest.approx((expected > 0).sum() * 0.25)


def test_requests_at_once_get_each_its_own_answer(server: Server) -> None:
    images = [scene(100, seed) for seed in range(6)]
    alone = [server.ask("/?format=png", image).content for image in images]
    with ThreadPoolExecutor(6) as pool:
        together = pool.map(lambda image: server.ask("/?format=png", image).content, images)
    assert list(together) == alone
    assert len(set(alone)) == 6


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/", b"GIF89a" + bytes(100), 415, "no GeoTIFF, PNG or JPEG"),
        ("/", scene(32)[:500], 400, "cannot be read"),
        ("/", b"", 400, "the body is empty"),
        ("/", bytes(300_000), 413, "more than 0.2 MB"),
        ("/?format=gif", scene(32), 406, "format=gif"),
        ("/elsewhere", scene(32), 404, "nothing at /elsewhere"),
        ("/", None, 405, "POST an image"),
    ],
)
def test_it_refuses_and_stays_up(
    server: Server, path: str, body: bytes | None, status: int, sentence: str
) -> None:
    reply = server.ask(path, body)
    assert (reply.status, reply.kind) == (status, "application/json")
    assert sentence in json.loads(reply.content)["error"]
    assert server.ask("/health").status == 200


def test_a_body_that_does_not_say_how_large_it_is_is_measured(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    chunks = (bytes(50_000) for _ in range(6))
    connection.request("POST", "/", chunks, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    assert server.ask("/health").status == 200


@pytest.mark.parametrize(
    "begun",
    [
        b"POST /?format=png HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /?format=png HTTP/1.1\r\nX-Slow: ",
        b"",
    ],
    ids=["body", "chunks", "headers", "nothing"],
)
def test_those_that_drip_are_cut_off_and_keep_nobody_waiting(server: Server, begun: bytes) -> None:
    """A few bytes now and then, over more connections than images may wait."""
    drips = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(64)]
    for drip in drips:
        drip.sendall(begun)
    opened, answers = time.monotonic(), []
    expected = server.ask("/?format=png", scene(32)).content
    while drips and time.monotonic() < opened + 30:
        answers.append((server.ask("/health").status, server.ask("/?format=png", scene(32))))
        drips = [drip for drip in drips if still_open(drip, b"1\r\n0\r\n" if begun else b"")]
    assert drips == []
    assert {status for status, _ in answers} == {200}
    assert {reply.content for _, reply in answers} == {expected}


def still_open(drip: socket.socket, more: bytes) -> bool:
    """Send a little more, unless the server has closed the connection."""
    drip.setblocking(False)
    try:
        while answer := drip.recv(4096):
            assert answer.startswith(b"HTTP/1.1 408") or b"the body took more than 5 s" in answer
    except BlockingIOError:
        with contextlib.suppress(ConnectionError):
            drip.sendall(more)
        return True
    except ConnectionError:
        pass
    drip.close()
    return False


def test_two_hundred_junk_requests_at_once_get_the_right_codes(server: Server) -> None:
    junk = [("/", b"GIF89a" + bytes(100), 415), ("/", bytes(300_000), 413), ("/x", b"1", 404)]
    junk += [("/", None, 405), ("/?format=gif", b"1", 406), ("/", scene(32)[:500], 400)]
    with ThreadPoolExecutor(200) as pool:
        asked = [(expected, pool.submit(server.ask, *ask)) for *ask, expected in junk * 34]
        codes = {(expected, reply.result().status) for expected, reply in asked}
    # 503: more images than may wait, which is told before they are looked at.
    assert codes - {(415, 503), (400, 503)} == {
        (code, code) for code in (*range(404, 407), 400, 413, 415)
    }
    assert server.ask("/health").status == 200
    assert server.ask("/?format=png", scene(32)).status == 200


def test_headers_without_end_are_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as endless:
        endless.sendall(b"GET /health HTTP/1.1\r\nX-Long: " + b"a" * 20_000)
        assert endless.recv(100).startswith(b"HTTP/1.1 400")


def test_it_listens_on_this_machine_alone(server: Server) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", server.port), timeout=5)
    pid = server.process.pid
    assert listens_on(psutil.Process(pid)) <= LOOPBACK
    beyond = [title for process, title in titled(pid) if listens_on(process) - LOOPBACK]
    # Ray Serve gives each replica a port of its own, whose address it does not let one choose.
    assert [name.startswith("ray::ServeReplica") for name in beyond] == [True]


def test_a_port_that_is_taken_is_refused(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(server.run), "--port", str(server.port)]) == 2
    assert f"cannot listen on 127.0.0.1, port {server.port}" in capsys.readouterr().err
