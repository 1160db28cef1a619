# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take secrets out of text before it is written anywhere.

A second line of defence: arguments, variables, loop items and output are never recorded at all. What
is recorded (names of tasks, the message of a failure) passes through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

MASK = "[redacted]"

_WORDS = (
    "pass(?:wor[dt]|wd|phrase|code)?",
    "secret|token|cookie|credentials?|session[_-]?id|pin|pwd|salt|otp|dsn",
    "(?:api|access|private)[_-]?key",
    "auth(?:orization)?|bearer|signature|sig|hmac",
)
_SECRET_WORD = "|".join(_WORDS)
SECRET_NAME = re.compile(rf"(?i)(?:^|[_\-.\s])(?:\w*[_-])?(?:{_SECRET_WORD})s?(?:[_\-.\d]\w*)?$")
"""Names of variables and options whose value is taken for a secret."""

_KEPT = re.compile(
    r"(?i)^(?:true|false|none|null|yes|no|\d{1,3}|is|was|not|and|or|for|of|in|has|must|required|missing|invalid|expired|\[redacted\])$"
)

_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"',;&|)\]}>]+)"""

_ASSIGNED = re.compile(
    rf"""(?ix) (?P<name> ["']? (?<![a-z0-9]) [\w.-]*? (?:{_SECRET_WORD}) (?:s|[_-]\w+)? ["']? )
         (?P<sep> \s*[=:]\s* (?:u?(?=["']))? )
         (?P<scheme> (?:basic|bearer|token|digest|negotiate|apikey|splunk)\s+ )?
         (?P<value> {_VALUE} )"""
)
_FLAG = re.compile(rf"""(?ix) (?P<flag> (?<!\S) --?[\w-]*(?:{_SECRET_WORD})[\w-]* \s+ ) (?P<value> (?!-) {_VALUE} )""")
_SHORT_FLAG = re.compile(r"""(?x) (?P<flag> (?<!\S) (?:-u|--user) \s+ ["']? [^\s:"']+ : ) (?P<value> [^\s"']+ )""")
_MYSQL_FLAG = re.compile(
    r"""(?x) (?P<flag> \b(?:mysql|mysqldump|mysqladmin|mariadb)\b [^\n]*? \s -p | \bsshpass\b [^\n]*? \s -p \s* )
        (?P<value> [^\s"']+ | "[^"]*" | '[^']*' )"""
)
_SPOKEN = re.compile(
    rf"(?i)(?P<words>\b(?:{_SECRET_WORD})\s+(?:is|was|of|for\s+\S+\s+is)?\s*)"
    r"(?P<value>\"[^\"]+\"|'[^']+'|[^\s\"',;.]*\d[^\s\"',;]*)"
)

_WHOLE: tuple[re.Pattern[str], ...] = (
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\$ANSIBLE_VAULT;[^\n]*(?:\n\s*[0-9a-f]{20,})*"),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"),
    re.compile(
        r"\b(?:gh[pousr]_|github_pat_|glpat-|gldt-|sk-|[srp]k_(?:live|test)_|xox[abprse]-|xapp-|npm_|pypi-|hf_"
        r"|do[po]_v1_|shpat_|SG\.|AIza|ya29\.|hv[sb]\.|s\.(?=[A-Za-z0-9]{24}))[\w.\-]{8,}"
    ),
    re.compile(r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA)[0-9A-Z]{12,}\b"),
    re.compile(r"\$(?:2[aby]|1|5|6|y|argon2id?)\$[./A-Za-z0-9$=,+-]{20,}"),
)
_BEARER = re.compile(r"(?i)(?P<scheme>\b(?:bearer|basic)\s+)(?P<value>[\w.~+/=-]{6,})")
_USERINFO = re.compile(r"(?P<scheme>\b[a-zA-Z][\w+.-]*://)(?P<user>[^\s/@:]*):(?P<value>[^\s/]+)@")
_USERTOKEN = re.compile(r"(?P<scheme>\bhttps?://)(?P<value>[^\s/@:]{12,})@")
_RANDOM = re.compile(r"(?<![\w/.:+-])(?=[\w+/=-]*[0-9])(?=[\w+/=-]*[a-z])(?=[\w+/=-]*[A-Z])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w/.-])")
_LONG_HEX = re.compile(r"(?<![\w/.:-])[0-9a-fA-F]{32,}(?![\w/.-])")


_SUSPECT = re.compile(
    rf"(?i)://|-----|\$|(?:{_SECRET_WORD})|basic|(?<!\S)(?:-u|--user)\s|mysql|mariadb|sshpass|eyJ|[-_.][\w-]{{8}}|[a-z0-9+/_-]{{12}}"
)
"""What any of the patterns here needs: a text without it, as nearly all are, costs one look."""


def _keep_or(replacement: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    def decide(match: re.Match[str]) -> str:
        return match[0] if _KEPT.match(match["value"].strip("\"'")) else replacement(match)

    return decide


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """`text` with each of the known `secrets`, and all that looks like one, replaced by a mask.

    Known secrets are found as they stand, however short; the longest first, so that none leaves its
    end behind.
    """
    for secret in sorted({s for s in secrets if s}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _masked(text) if _SUSPECT.search(text) else text


def _masked(text: str) -> str:
    for pattern in _WHOLE:
        text = pattern.sub(MASK, text)
    text = _USERINFO.sub(lambda m: f"{m['scheme']}{m['user']}:{MASK}@", text)
    text = _USERTOKEN.sub(lambda m: f"{m['scheme']}{MASK}@", text)
    text = _ASSIGNED.sub(_keep_or(lambda m: f"{m['name']}{m['sep']}{m['scheme'] or ''}{MASK}"), text)
    text = _FLAG.sub(_keep_or(lambda m: f"{m['flag']}{MASK}"), text)
    text = _SHORT_FLAG.sub(lambda m: f"{m['flag']}{MASK}", text)
    text = _MYSQL_FLAG.sub(lambda m: f"{m['flag']}{MASK}", text)
    text = _BEARER.sub(_keep_or(lambda m: f"{m['scheme']}{MASK}"), text)
    text = _SPOKEN.sub(_keep_or(lambda m: f"{m['words']}{MASK}"), text)
    text = _RANDOM.sub(MASK, text)
    return _LONG_HEX.sub(MASK, text)


def cut(text: str, limit: int) -> str:
    """`text` shortened to `limit` characters, with a mark that says how much is gone."""
    if len(text) <= limit:
        return text
    mark = f" … ({len(text)} characters)"
    return text[: max(0, limit - len(mark))] + mark
