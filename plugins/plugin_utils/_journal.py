# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the journal before a play has hosts. Every refusal is an AnsibleError that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.incident.response.plugins.module_utils._core.status import Status
from ansible_collections.incident.response.plugins.module_utils._journal.location import open_journal
from ansible_collections.incident.response.plugins.module_utils._journal.sqlite import SqliteJournal
from ansible_collections.incident.response.plugins.module_utils._ports import JournalError
from ansible_collections.incident.response.plugins.module_utils._state import state_dir


def opened(options: Mapping[str, Any], folder: Path, *, timeout: float = 10) -> SqliteJournal:
    """A connection to the journal. Raises OSError, JournalError, ValueError."""
    return open_journal(folder, url=options["journal"], key_file=options["journal_key_file"], timeout=timeout)


def service_of(incident: str, options: Mapping[str, Any]) -> str:
    """The incident's service; empty if it has none or is unknown (the task itself reports that)."""
    try:
        with opened(options, state_dir(options["state_dir"])) as journal:
            found = journal.find(incident) if incident else None
            return str(journal.info(found)["service"]) if found else ""
    except (OSError, JournalError, ValueError) as error:
        raise AnsibleError(f"The journal can't be read: {error}. Nothing was touched.") from error


def meant(step: str, options: Mapping[str, Any]) -> str:
    """The name of the incident for a step without a named incident; empty if there is none. Raises OSError, JournalError, ValueError, and
    show.Several."""
    from ansible_collections.incident.response.plugins.module_utils._usecases import query  # only steps need it

    with opened(options, state_dir(options["state_dir"]), timeout=2) as journal:
        found = query.meant(journal, step)
        return str(journal.info(found)["name"]) if found else ""


def services(options: Mapping[str, Any], *, still_open: bool) -> set[str]:
    """The services of all incidents, or only of the open ones. Raises OSError, JournalError, ValueError."""
    with opened(options, state_dir(options["state_dir"]), timeout=2) as journal:
        return {str(journal.info(each)["service"]) for each in (journal.open_incidents() if still_open else journal.ids())}


def status_of(incident: str, options: Mapping[str, Any]) -> tuple[Status | None, list[str]]:
    """The incident's stage (None if unknown), and the names of the open incidents. Raises OSError, JournalError, ValueError."""
    with opened(options, state_dir(options["state_dir"]), timeout=2) as journal:
        found = journal.find(incident)
        there = [f"{info['name']} ({info['service'] or info['title']})" for info in map(journal.info, journal.open_incidents())]
        return (Status(journal.info(found)["status"]) if found else None), there
