# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What recording costs a play, and what rivals cost it: ratios to the bare play, in alternating runs.

overhead.py [--repeats N] [--only TEXT]
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.plays import OURS, PLAYS, ROOT, Cost, Play, couriers, environment, run
from servers.running import RocketChat

WALL, CPU = 1.02, 1.03
RIVALS = ROOT / ".cache" / "rivals"


@contextmanager
def no_chat(folder: Path) -> Iterator[dict[str, str]]:
    yield {}


@contextmanager
def slow_chat(folder: Path) -> Iterator[dict[str, str]]:
    with RocketChat(folder / "chat") as chat:
        chat.control(latency=0.2)
        yield chat.environment()


@contextmanager
def hanging_chat(folder: Path) -> Iterator[dict[str, str]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield credentials(server.getsockname()[1])


@contextmanager
def refusing_chat(folder: Path) -> Iterator[dict[str, str]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    yield credentials(port)


def credentials(port: int) -> dict[str, str]:
    return {"ROCKETCHAT_URL": f"http://127.0.0.1:{port}", "ROCKETCHAT_USER_ID": "bot-id", "ROCKETCHAT_TOKEN": "bot-token"}


CONDITIONS = {"no chat": no_chat, "chat takes 200 ms": slow_chat, "chat never answers": hanging_chat, "chat refuses": refusing_chat}


class Webhook(BaseHTTPRequestHandler):
    """Answers 200 to whatever is posted."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def webhook() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@contextmanager
def watched(folder: Path, used: list[float]) -> Iterator[None]:
    """Add the CPU seconds of the couriers that run meanwhile; then let them finish, or end them after 3 seconds."""
    seen: dict[int, float] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            seen.update(couriers(folder))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
        until = time.monotonic() + 3
        while couriers(folder) and time.monotonic() < until:
            time.sleep(0.05)
    finally:
        over.set()
        watcher.join()
    for process in couriers(folder):
        subprocess.run(["kill", "-KILL", str(process)], check=False)
    shutil.rmtree(folder, ignore_errors=True)
    used.append(sum(seen.values()))


def compare(
    play: Play, folder: Path, program: str, callbacks: str, more: Mapping[str, str], repeats: int
) -> tuple[list[Cost], list[Cost], list[float]]:
    """Pairs of runs, first the one, then the other first: without the callback, with it, and the couriers' CPU."""
    command = [program, *play.write(folder)]
    bare: list[Cost] = []
    with_it: list[Cost] = []
    carried: list[float] = []

    def off() -> None:
        bare.append(run(command, environment(folder, "", {})))

    def on() -> None:
        with watched(folder / "state", carried):
            with_it.append(run(command, environment(folder, callbacks, more)))

    for number in range(repeats):
        for step in (off, on) if number % 2 else (on, off):
            step()
    return bare, with_it, carried


def tell(name: str, bare: list[Cost], with_it: list[Cost], carried: list[float], *, targets: bool) -> None:
    def ratios(value: Callable[[Cost], float]) -> list[float]:
        return [value(on) / value(off) for on, off in zip(with_it, bare, strict=True)]

    walls, cpus = ratios(lambda cost: cost.wall), ratios(lambda cost: cost.cpu)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    missed = " MISSED" if targets and (wall > WALL or cpu > CPU) else ""
    spread = f"{min(walls):.3f}-{max(walls):.3f}"
    beside = f"{statistics.median(carried):.2f} s" if targets else "-"
    print(f"| {name} | {statistics.median(cost.wall for cost in bare):.2f} s | {wall:.3f} ({spread}) | {cpu:.3f} | {beside} |{missed}", flush=True)


def rivals() -> str:
    """The rivals' ansible-playbook, in an environment of their own; empty where it can't be made."""
    program = RIVALS / "bin" / "ansible-playbook"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(RIVALS)], check=True)
        answer = subprocess.run([str(RIVALS / "bin" / "pip"), "install", "-q", "ansible", "ara", "prettytable"], check=False)
        if answer.returncode:
            shutil.rmtree(RIVALS)
            return ""
    return str(program)


def versions() -> str:
    answer = subprocess.run([str(RIVALS / "bin" / "pip"), "list", "--format=freeze"], check=True, capture_output=True, text=True)
    return ", ".join(line for line in answer.stdout.splitlines() if line.partition("==")[0] in {"ansible", "ansible-core", "ara"})


def measure_rivals(folder: Path, repeats: int) -> None:
    program = rivals()
    if not program:
        print("the rivals can't be installed here")
        return
    print(f"\nRivals ({versions()}), without our parts:")
    where = [str(RIVALS / "bin" / "python"), "-m", "ara.setup.callback_plugins"]
    ara = subprocess.run(where, check=False, capture_output=True, text=True).stdout.strip()
    with webhook() as url:
        each = {
            "community.general.log_plays": {"ANSIBLE_LOG_FOLDER": str(folder / "log")},
            "community.general.slack": {"SLACK_WEBHOOK_URL": url},
            "ara_default": {"ARA_BASE_DIR": str(folder / "ara"), "ANSIBLE_CALLBACK_PLUGINS": f"{Path(__file__).parent / 'plugins'}:{ara}"},
        }
        for name, more in each.items():
            for play in PLAYS:
                try:
                    tell(f"{name}, {play.name}", *compare(play, folder, program, name, more, repeats), targets=False)
                except subprocess.CalledProcessError as error:
                    print(f"| {name}, {play.name} | failed: {error} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="only what has this in its name")
    given = parser.parse_args()
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    print(f"Targets: wall <= {WALL}, CPU <= {CPU} of the bare play. The courier's CPU runs beside the play, at a lower priority.\n")
    print("| | bare | wall (spread) | CPU | courier |\n|---|---|---|---|---|")
    for name, condition in CONDITIONS.items():
        for play in PLAYS:
            if given.only not in f"{name}, {play.name}":
                continue
            with tempfile.TemporaryDirectory() as made, condition(Path(made)) as more:
                tell(f"{name}, {play.name}", *compare(play, Path(made), program, OURS, more, given.repeats), targets=True)
    if given.only in "rivals":
        with tempfile.TemporaryDirectory() as made:
            measure_rivals(Path(made), max(2, given.repeats // 2))


if __name__ == "__main__":
    main()
