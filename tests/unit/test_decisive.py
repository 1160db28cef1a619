# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Of all that a service that can't come up says, the line that says why."""

from __future__ import annotations

import pytest
from ansible_collections.incident.response.plugins.module_utils._core.decisive import decisive, kept

STATUS = """\
× api.service - The API
     Loaded: loaded (/etc/systemd/system/api.service; enabled; preset: enabled)
     Active: failed (Result: exit-code) since Fri 2026-11-27 04:06:38 UTC; 2s ago
   Duration: 12ms
    Process: 4711 ExecStart=/usr/bin/api --port 8080 (code=exited, status=1/FAILURE)
   Main PID: 4711 (code=exited, status=1/FAILURE)
        CPU: 10ms
"""
JOURNAL = f"""{STATUS}\
Stopped api.service - The API.
Starting api.service - The API...
reading /etc/api/api.toml
listen tcp 0.0.0.0:8080: bind: address already in use
api.service: Main process exited, code=exited, status=1/FAILURE
api.service: Failed with result 'exit-code'.
Failed to start api.service - The API.
api.service: Scheduled restart job, restart counter is at 5.
api.service: Start request repeated too quickly.
Failed to start api.service - The API."""
PYTHON = """\
INFO 0 errors in the configuration
Traceback (most recent call last):
  File "/srv/api/main.py", line 12, in <module>
    connect(settings)
    ^^^^^^^^^^^^^^^^^
psycopg.OperationalError: connection to server at "db-01", port 5432 failed: Connection refused
"""
JAVA = """\
Exception in thread "main" org.springframework.boot.web.server.PortInUseException: Port 8080 is already in use
\tat org.springframework.boot.Application.run(Application.java:310)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind0(Native Method)
\t... 12 more
"""
SYSLOG = """\
Nov 27 04:06:30 prod-api-01 api[4700]: ERROR: disk quota of yesterday
Nov 27 04:06:37 prod-api-01 systemd[1]: Starting api.service - The API...
Nov 27 04:06:38 prod-api-01 api[4711]: FATAL: no space left on device
Nov 27 04:06:38 prod-api-01 api[4711]: closing the log
Nov 27 04:06:38 prod-api-01 systemd[1]: api.service: Failed with result 'exit-code'.
"""


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        (JOURNAL, "listen tcp 0.0.0.0:8080: bind: address already in use"),
        (PYTHON, 'psycopg.OperationalError: connection to server at "db-01", port 5432 failed: Connection refused'),
        (JAVA, "Caused by: java.net.BindException: Address already in use"),
        (SYSLOG, "FATAL: no space left on device"),
        ("2026-11-27T04:06:38.123Z panic: runtime error: index out of range\ngoroutine 1 [running]:\n", "panic: runtime error: index out of range"),
        ("\x1b[31mERROR\x1b[0m cannot read \x1b]8;;http://x\x07config\x1b]8;;\x07", "ERROR cannot read config"),
        (f"{STATUS}Starting api.service\nFehler: Datei nicht gefunden: api.toml\nbeende mich\n", "Fehler: Datei nicht gefunden: api.toml"),
        ("準備中\nエラー: 設定ファイルがありません\n終了\n", "エラー: 設定ファイルがありません"),
        ("старт\nошибка: нет места\nвыход", "ошибка: нет места"),
        ("loading\nwaiting for the database\n", "waiting for the database"),
        (STATUS, "Main PID: 4711 (code=exited, status=1/FAILURE)"),
        ("warming up\n0 errors\nno failures\n", "no failures"),
        ("out of memory: killed process 4711 (api)\nStarting api.service\nStarted api.service\n", "out of memory: killed process 4711 (api)"),
        ("", ""),
        ("\n \n---\n", ""),
        ("\x00\x01\x02", ""),
    ],
    ids=["systemd", "python", "java", "syslog", "go", "escapes", "german", "japanese", "russian", "no-error", "status-alone", "zero-errors", "before",
         "empty", "nothing-said", "binary"],
)  # fmt: skip
def test_the_line_that_says_why_is_found(evidence: str, line: str) -> None:
    assert decisive(evidence) == line


def test_an_evidence_of_ten_megabytes_is_looked_at_from_its_end() -> None:
    noise = "127.0.0.1 - GET /health 200\n" * 380_000
    assert len(noise) > 10_000_000
    assert decisive(f"Error: an old one\n{noise}Error: the disk is full\nbye\n") == "Error: the disk is full"
    assert decisive(noise) == "127.0.0.1 - GET /health 200"
    assert len(decisive("x" * 10_000_000)) <= 1000


def test_what_is_kept_of_a_long_evidence_is_its_end_and_never_without_the_line_that_says_why() -> None:
    assert kept(JOURNAL, 5000) == JOURNAL
    end = kept("first\n" * 1000 + "Error: the disk is full\nbye", 300)
    assert end.endswith("first\nError: the disk is full\nbye")
    long = kept("Error: the disk is full\n" + "still there\n" * 1000, 300)
    assert long.startswith("Error: the disk is full\n…\nstill there\n")
    assert len(long) <= 300


def test_a_line_that_says_itself_that_it_is_no_error_counts_where_there_is_no_better_one() -> None:
    cause = "Caused by: PSQLException: FATAL: remaining connection slots are reserved"
    assert decisive(f"{cause}\n\tat org.postgresql.Driver\nINFO 4711 --- [main] x : Error starting") == cause
    assert decisive("FATAL: database is gone\nWARN failed to close socket") == "FATAL: database is gone"
    assert decisive("INFO starting\nWARN failed to close socket") == "WARN failed to close socket"
