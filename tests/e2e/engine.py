# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Docker engine of its own for the tests, with images made from the root of the test hosts: no registry is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from sites import A_RUN, eventually

REPOSITORY = "127.0.0.1:5000/shop/api"
"""No registry listens there, so that an attempt to pull ends at once."""

NEEDED = {"dockerd": "docker.io", "docker": "docker.io", "docker-compose": "docker-compose", "iptables": "iptables", "unshare": "util-linux"}
SERVER = """import http.server, os, pathlib, signal, socketserver, sys, threading
shared = pathlib.Path("/shared")
if os.environ["VERSION"] == "0.9":
    sys.exit("version 0.9 finds no database")
for number in range(int((shared / "seats").read_text()) if (shared / "seats").exists() else 99):
    try:
        (shared / f"seat.{number}").open("x").close()
        break
    except FileExistsError:
        pass
    except FileNotFoundError:
        break
else:
    sys.exit("the database takes no more connections")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["VERSION"].encode())
    def log_message(self, *_):
        pass
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128
server = Server(("0.0.0.0", 8080), Handler)
def stop(*_):
    if not (shared / "stubborn").exists():
        threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, stop)
server.serve_forever()
"""
PROBE = """python3 -ISc "import _socket as s; s.socket().connect(('127.0.0.1', 8080))\""""
"""It costs little: many containers are looked at beside the tests."""
CHECK = f"HEALTHCHECK --interval=1s --timeout=5s --start-period=5s --retries=3 CMD {PROBE}"
CLIENT = """import sys, time, urllib.request
while True:
    try:
        with urllib.request.urlopen("http://api:8080", timeout=5) as answer:
            print(answer.read().decode(), flush=True)
    except OSError as error:
        print("failed:", error, flush=True)
    time.sleep(0.02)
"""
PYTHON = ["bin", "sbin", "lib", "lib64", "etc/passwd", "etc/group", "tmp", "usr/lib64", "usr/lib/python3.*",
          *(f"usr/bin/{name}" for name in ("python3*", "sh", "dash", "sleep")),
          *(f"usr/lib/*-linux-gnu/{name}.so*" for name in ("ld-linux*", "libc", "libm", "libz", "libexpat", "libssl", "libcrypto"))]  # fmt: skip


def lacks() -> str:
    """What this machine doesn't have for it."""
    missing = {package for program, package in NEEDED.items() if not shutil.which(program)}
    if os.geteuid():
        return "a Docker engine of its own needs root"
    return f"no Docker engine on this machine: apt-get install --no-install-recommends {' '.join(sorted(missing))}" if missing else ""


class Engine:
    """The engine lives in namespaces of its own: no bridge, rule, mount or process of it is the machine's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"unix://{folder}/docker.sock"
        self.environment = {**os.environ, "DOCKER_HOST": self.address}

    def start(self) -> None:
        place = ["--data-root", f"{self._folder}/data", "--exec-root", f"{self._folder}/exec", "--pidfile", f"{self._folder}/pid"]
        alone = ["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
        program = 'ip link set lo up && exec dockerd "$@"'
        with (self._folder / "log").open("w") as log:
            self._process = subprocess.Popen([*alone, "sh", "-c", program, "-", *place, "--host", self.address], stdout=log, stderr=log)
        answers = eventually(lambda: subprocess.run(["docker", "version"], env=self.environment, capture_output=True, check=False).returncode == 0)
        assert answers, (self._folder / "log").read_text()[-3000:]

    def stop(self) -> None:
        """Containers first, so that nothing of them is left in the machine's cgroups."""
        if self.docker("info", "--format", "{{.Swarm.LocalNodeState}}") == "active":
            self.docker("swarm", "leave", "--force")
        everything = self.docker("ps", "--all", "--quiet").split()
        if everything:
            self.docker("rm", "--force", "--volumes", *everything)
        self._process.kill()
        self._process.wait()

    def docker(self, *arguments: str, folder: Path | None = None, program: str = "docker") -> str:
        """What the command, which has to succeed, prints."""
        answer = subprocess.run([program, *arguments], cwd=folder, env=self.environment, text=True, capture_output=True, timeout=A_RUN, check=False)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout.strip()

    def images(self, root: Path) -> None:
        """Three versions of the service, oldest first; 0.9 can't run."""
        (self._folder / "server.py").write_text(SERVER)
        (self._folder / "client.py").write_text(CLIENT)
        paths = [str(path.relative_to(root)) for pattern in PYTHON for path in sorted(root.glob(pattern))]
        layer = self._folder / "layer.tar"
        subprocess.run(["tar", "-cf", layer, "-C", root, *paths, "-C", self._folder, "server.py", "client.py"], check=True)
        about = ["LABEL org.opencontainers.image.authors=ada", 'CMD ["python3", "/server.py"]']
        for version, check in (("0.9", "HEALTHCHECK NONE"), ("1.0", CHECK), ("1.1", CHECK)):
            changes = [word for change in (f"ENV VERSION={version}", check, *about) for word in ("--change", change)]
            self.docker("import", *changes, str(layer), f"{REPOSITORY}:{version}")
        layer.unlink()

    def inspect(self, template: str, *names: str) -> list[str]:
        return self.docker("inspect", "--format", template, *names).splitlines() if names else []


def compose_file(service: dict[str, Any]) -> dict[str, Any]:
    """A project of two services: what belongs to the other one is never touched."""
    other = {"image": f"{REPOSITORY}:1.0", "command": ["sleep", "1000"], "stop_grace_period": "0s"}
    return {"version": "3.8", "services": {"api": service, "db": other}}
