# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What never ends, and what answers nonsense: the action is judged, the lock is free, and everything else goes on."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import suppress

import pytest
from servers.running import RocketChat
from sites import DELIVER, Site, eventually

API = ("-e", "service=api host=prod-api-01")
DEEP = "[" * 100_000 + "]" * 100_000
ODD = {
    "a user who was deleted": {"teams.members": json.dumps({"success": True, "members": [{"user": None}]})},
    "json that is nested too deeply": {"teams.members": DEEP, "channels.info": '{"success": true, "channel": ' + DEEP + "}"},
    "nothing of what was asked for": {"channels.info": '{"success": true}', "teams.members": '{"success": true}'},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_answer_of_chat_darkens_nothing(site: Site, chat: RocketChat, odd: dict[str, str]) -> None:
    """It killed the courier's thread for chat, which went on to hold the lock: every later run's chat stayed dark."""
    site.environment |= chat.environment()
    chat.control(odd=odd)
    code, output = site.run(*API, "-e", "severity=P1")
    assert code == 0, output
    chat.control(odd={})
    code, output = site.run("-e", "service=db host=prod-db-01")
    assert code == 0, output
    code, output = site.run(playbook=DELIVER)
    assert code == 0, output
    assert eventually(lambda: all(each["pending"] == 0 for each in site.incidents())), site.courier_log()
    assert eventually(lambda: not site.couriers()), site.courier_log()


def test_a_chat_that_drips_keeps_no_plan_and_no_run(site: Site, chat: RocketChat) -> None:
    """Each byte comes in time, and the answer never."""
    site.environment |= chat.environment() | {"INCIDENT_DRAIN_TIMEOUT": "1"}
    chat.control(drip=0.2)
    for more in ("plan=true", "severity=P1"):
        code, output = site.run(*API, "-e", more)
        assert code == 0, output
    chat.control(drip=0)
    assert eventually(lambda: site.incidents()[0]["pending"] == 0), site.courier_log()


HANGS = """#!/bin/sh
cd {folder}
[ "$1" != {word} ] || {{ echo "waiting for the database"; touch hangs; exec sleep 10000; }}
case $1 in
  start) touch running ;;
  stop) rm -f running ;;
  status) [ -e running ] ;;
esac
"""
SAID = {
    "stop": "service stop did not end within 2 s, and was killed",
    "start": "service start did not end within 2 s, and was killed",
    "status": "command did not end within 1 s",
}


def limited(site: Site) -> None:
    """Two seconds for what starts or stops it, one for a check."""
    settings = json.loads(site.inventory.read_text())
    settings["all"]["vars"] |= {"service_restart_timeout": 2, "service_restart_check_timeout": 1}
    site.inventory.write_text(json.dumps(settings))


@pytest.mark.parametrize(("word", "said"), SAID.items(), ids=SAID)
def test_a_command_that_never_ends_ends_in_a_verdict_and_frees_the_lock(site: Site, word: str, said: str) -> None:
    (site.folder / "running").touch()
    limited(site)
    site.script.write_text(HANGS.format(folder=site.folder, word=word))
    code, output = site.run(*API)
    assert code != 0
    assert said in " ".join(output.split())
    (incident,) = site.incidents()
    (run,) = incident["runs"]
    assert run["verdict"] in {"made_worse", "no_effect"}
    site.script.write_text(HANGS.format(folder=site.folder, word="nothing"))
    code, output = site.run(*API)
    assert code == 0, output


def test_a_health_server_that_drips_ends_in_a_verdict(site: Site) -> None:
    over = threading.Event()

    class Dripping(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while not over.wait(0.1):
                    self.request.sendall(b"H")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        limited(site)
        code, output = site.run(*API, "-e", f"service_restart_http=http://127.0.0.1:{server.server_address[1]}/health")
        over.set()
        server.shutdown()
    assert code != 0
    assert "HTTP: no answer within 1 s" in " ".join(output.split())
    assert site.incidents()[0]["runs"][0]["verdict"] == "no_effect"


HANGING_SYSTEMD = """#!/bin/sh
# A unit whose start never ends, as one of Type=oneshot or Type=notify has no limit by default or an endless one (systemd.service(5)).
case $1 in
  restart) exec sleep 10000 ;;
  show) echo Id=api.service; echo LoadState=loaded; echo ActiveState=activating; echo InvocationID=a ;;
  status) echo "Active: activating (start) since Mon" ;;
esac
"""


def test_a_start_that_hangs_in_systemd_ends_in_a_verdict_with_the_unit_as_evidence(site: Site) -> None:
    programs = site.folder / "bin"
    programs.mkdir()
    for name, text in (("systemctl", HANGING_SYSTEMD), ("journalctl", "#!/bin/sh\necho waiting for the database\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    site.environment["PATH"] = f"{programs}:{site.environment['PATH']}"
    limited(site)
    code, output = site.run(*API, "-e", "service_restart_backend=systemd service_restart_unit=api.service")
    assert code != 0
    words = " ".join(output.split())
    assert "systemctl restart -- api.service did not end within 2 s, and was killed" in words
    assert "Active: activating (start)" in words and "waiting for the database" in words
    assert site.incidents()[0]["runs"][0]["verdict"] in {"made_worse", "no_effect"}
