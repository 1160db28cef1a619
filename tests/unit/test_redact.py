# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""No secret stays in a text: neither one that is known, in whatever spelling, nor one that is seen by its form. And ordinary words stay."""

from __future__ import annotations

import base64
import json
import quopri
import subprocess
import sys
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from ansible_collections.incident.response.plugins.module_utils._core import secret_formats
from ansible_collections.incident.response.plugins.module_utils._core.redact import cut, redact, shown
from ansible_collections.incident.response.plugins.module_utils._core.secret_formats import MASK, masked
from ansible_collections.incident.response.plugins.module_utils._core.secret_names import is_secret_name

PLANT = "hunter2secret"
WRITTEN = r"""
login failed: password=hunter2secret
curl -H 'Authorization: Bearer hunter2secret' failed
curl -u bob:hunter2secret https://db/ failed
https://admin:hunter2secret@db.example.com/ refused
https:\/\/admin:hunter2secret@db.example.com\/
amqp://app:hunter2/secret@mq/orders
mysqldump -u root -phunter2secret failed
mysqladmin -u root password hunter2secret
{"api_key": "hunter2secret"}
"{\"password\": \"hunter2secret with blanks\"}"
"{\\\"password\\\": \\\"hunter2secret\\\"}"
{'password': u'hunter2secret'}
password => hunter2secret
user=ada&password=hunter2secret&next=x
--token hunter2secret is wrong
--admin-password=hunter2secret
FOO_KEY=hunter2secret
export STRIPE_KEY='hunter2secret'
PGPASSWORD=hunter2secret psql
MYSQL_PWD=hunter2secret
dbPassword: hunter2secret
dbpass=hunter2secret
root_pw: hunter2secret
encryption_key: hunter2secret
the password is hunter2secret
CREATE USER 'ada'@'%' IDENTIFIED BY 'hunter2secret'
ALTER USER ada WITH PASSWORD 'hunter2secret'
SET PASSWORD FOR ada = PASSWORD('hunter2secret')
redis-cli -h cache -a hunter2secret ping
ldapsearch -x -D cn=ada -w hunter2secret -b dc=x
mongosh -u ada -p hunter2secret
docker login -u ada -p hunter2secret registry.example.com
sqlcmd -S db -U sa -P hunter2secret
smbclient //files/x -U ada%hunter2secret
sqlplus ada/hunter2secret@db
rabbitmqctl add_user ada hunter2secret
openssl rsa -passin pass:hunter2secret -in key.pem
sshpass -p hunter2secret ssh web1
7z x -phunter2secret backup.7z
aws configure set aws_secret_access_key hunter2secret
Server=db;Database=shop;User Id=sa;Password=hunter2secret;
AccountName=x;AccountKey=hunter2secret==;EndpointSuffix=y
<password>hunter2secret</password>
<add key="DbPassword" value="hunter2secret"/>
{"name": "DB_PASSWORD", "value": "hunter2secret"}
X-Api-Key: hunter2secret
Cookie: theme=dark; session=hunter2secret
Set-Cookie: sid=hunter2secret; Path=/
https://hooks.slack.com/services/T0000/B0000/hunter2secret
https://discord.com/api/webhooks/12345/hunter2secret
https://chat.example.com/hooks/hunter2secret/hunter2secret
https://api.telegram.org/bot123:hunter2secret/sendMessage
https://x.blob.core.windows.net/y?sv=2024&sig=hunter2secret
password: "hunter2secret
password: 'hunter2secret is cut of
-----BEGIN EC PRIVATE KEY-----\nhunter2secret\n-----END EC PRIVATE KEY-----
-----BEGIN OPENSSH PRIVATE KEY----- hunter2secret is cut of
MIIhunter2secret\nabc=\n-----END RSA PRIVATE KEY-----
eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodW50ZXIyc2VjcmV0In0.hunter2secret
glpat-hunter2secret was revoked
{SSHA}hunter2secretAAAAAA==
$6$rounds=5000$salt$hunter2secrethunter2secret
""".strip().splitlines()


@pytest.mark.parametrize("text", WRITTEN)
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert MASK in redact(text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("token", [
    "ghp_0123456789abcdefABCDEF0123456789abcd", "xoxb-1234567890-abcdefghijkl", "AKIAIOSFODNN7EXAMPLE", "sk_live_0123456789abcdef",
    "SG.abcdefghijklmnop.qrstuvwx", "AIzaSyA0123456789abcdefghij", "hvs.CAESIJabcdefghij", "npm_0123456789abcdef", "dop_v1_0123456789abcdef",
    "123456789:AAabcdefghijklmnopqrstuvwxyz0123456", "0123456789abcdef0123456789abcdef-us12", "AGE-SECRET-KEY-1QQQQQQQQ",
    "GOCSPX-abcdefghij0123456789",
])  # fmt: skip
def test_tokens_are_known_by_their_form(token: str) -> None:
    assert redact(f"refused {token} again") == f"refused {MASK} again"


ORDINARY = r"""
Unit api.service failed on prod-api-01 with code 1
Accepted password for ada from 192.0.2.7 port 55010 ssh2
Failed password for invalid user root from 192.0.2.7 port 22 ssh2
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.7  user=root
the password is required, and the token has expired
https://status.example.com does not accept the token (401): ask for another
author: Ada, spin: up, bypass: maybe, compass: north, design: new
token_env: PAGER_TOKEN, password_file: /etc/api/password, key: value, primary_key: id
https://status.example.com:8443/a@b is up
password={{ db_password }} and curl -u $USER:$PASSWORD
Image registry.example.com/shop/api:20251101100000@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 was pulled
Commit 6f1d5b031d06dc857a391e7149cbca061018d0d8 by Grace, request 113d3a99c3da401fbd62cc2caa5b96d2
java.lang.IllegalStateException: Undo LogsJournalHandlerFactoryImpl2 at com.example.Shop.main(Shop.java:21)
Approve plan 4f2a9c01d7e3, or deny it; run 20251110T100500-1a2b3c4d, incident-2025-11-10-001
""".strip().splitlines()


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_words_stay(text: str) -> None:
    assert redact(text) == text


def test_what_a_rule_needs_misses_nothing_that_it_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text is tried whole, and as each of its tails: with all rules, and with those whose words it has."""
    tails = [text[start:] for text in WRITTEN for start in range(0, len(text), 3)]
    quick = [masked(tail) for tail in tails]
    every = tuple(secret_formats.Rule(("",), rule.pattern, rule.guess) for rule in secret_formats.RULES)
    guesses = tuple(secret_formats.Rule(("",), rule.pattern, rule.guess) for rule in secret_formats._GUESSES)
    monkeypatch.setattr(secret_formats, "RULES", every)
    monkeypatch.setattr(secret_formats, "_GUESSES", guesses)
    assert [masked(tail) for tail in tails] == quick
    assert sum(tail != found for tail, found in zip(tails, quick, strict=True)) > len(WRITTEN)


KNOWN = ['s3cr"et\\pass/wörd+&<x> y', "Correct-Horse battery", "tr0ub4dor&3", "line-one-of-it\nline-two-of-it", "abcd1"]
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda secret: json.dumps(json.dumps({"x": secret})),
    "JSON of all characters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "Python": repr,
    "URL": quote,
    "URL with slashes": lambda secret: quote(secret, safe=""),
    "URL twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "URL, each character": lambda secret: "".join(f"%{byte:02x}" for byte in secret.encode()),
    "form": quote_plus,
    "HTML": escape,
    "HTML, each character": lambda secret: "".join(f"&#{ord(char)};" for char in secret),
    "upper case": str.upper,
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "base64 behind a user": lambda secret: base64.b64encode(f"ada:{secret}".encode()).decode(),
    "base64 within a document": lambda secret: base64.b64encode(f"x: {secret}\ny: 1".encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "hex as a key's mark": lambda secret: secret.encode().hex(":"),
    "octal": lambda secret: "".join(f"\\{byte:03o}" for byte in secret.encode()),
    "a mail": lambda secret: quopri.encodestring(secret.encode()).decode(),
    "colours": lambda secret: f"{secret[:2]}\x1b[1;31m{secret[2:]}\x1b[0m",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("secret", KNOWN)
def test_a_known_secret_leaves_in_no_spelling(secret: str, spelling: str) -> None:
    written = SPELLINGS[spelling](secret)
    text = redact(f"it says: {written}, and ends", [secret])
    assert text.startswith("it says: ")
    assert text.endswith(", and ends")
    kept = text.removeprefix("it says: ").removesuffix(", and ends").replace(MASK, "")
    assert len(kept) <= 26 and not any(written[at : at + 6] in kept for at in range(len(written) - 5) if _is_of(written[at : at + 6], secret)), text


def _is_of(piece: str, secret: str) -> bool:
    return piece.lower() in secret.lower()


@pytest.mark.parametrize("text", [
    "over se\n   veral-li\n   nes-of-it", "over se\\\n veral-lines-of-it", "over s e v e r a l - l i n e s - o f - i t",
    "over se\u200bveral-lines-of-it", "over 'se'\"veral\"-lines-of-it",
])  # fmt: skip
def test_a_known_secret_is_found_over_several_lines(text: str) -> None:
    assert redact(f"{text} and on", ["several-lines-of-it"]) == f"over {'' if chr(39) not in text else chr(39)}{MASK} and on"


def test_a_line_of_a_known_secret_is_one() -> None:
    assert redact("at: second-line-here", ["first-line-here\n  second-line-here\n"]) == f"at: {MASK}"


def test_the_half_of_a_known_secret_where_a_text_was_cut_is_masked() -> None:
    known = ["several-lines-of-it"]
    assert redact("failed with several-li", known) == f"failed with {MASK}"
    assert redact("failed with several-li … (900 characters)", known) == f"failed with {MASK} … (900 characters)"
    assert redact("lines-of-it was refused", known) == f"{MASK} was refused"
    assert redact("several things happened", known) == "several things happened"
    assert redact("failed with 000000000000", ["0" * 16]) == f"failed with {MASK}"


def test_secrets_are_masked_before_a_text_is_cut() -> None:
    text = "x" * 90 + " password=hunter2secret and more" * 9
    for limit in range(60, 200):
        assert "hunter2" not in shown(text, limit)
        assert "unter2" not in shown(text + "y" * 100_000, limit, [PLANT])
        assert len(shown(text, limit)) <= limit


def test_a_short_secret_is_not_found_across_words() -> None:
    assert redact("a pastel up start", ["pass", "upst"]) == "a pastel up start"
    assert redact("it is abcd", ["abcd"]) == f"it is {MASK}"


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    assert redact("cannot reach xyzzy1 now", ["xyzzy1"]) == f"cannot reach {MASK} now"
    assert redact("ab abc abcd", ["ab", "abcd", "abc"]) == f"{MASK} {MASK} {MASK}"
    assert redact("is it [redacted]", ["redacted"]) == "is it [redacted]"


def test_without_a_guess_versions_and_digests_stay() -> None:
    random = "aB3xY7qLm9Kz2Wv5Tn8Rp4Jd6"
    assert redact(f"image {random}") == f"image {MASK}"
    assert redact(f"image {random}, password=hunter2secret", guess=False) == f"image {random}, password={MASK}"


@pytest.mark.parametrize(("name", "secret"), [
    ("db_password", True), ("api_token", True), ("ROCKETCHAT_TOKEN", True), ("session_token", True), ("admin_secret", True), ("root_pw", True),
    ("DATADOG_KEY", True), ("smtp_auth", True), ("oauth_client_secret_prod", True), ("signing_key", True), ("slack_webhook_url", True),
    ("db_pin", True), ("pins", False),
    ("author", False), ("compass", False), ("spin", False), ("password_file", False), ("token_env", False), ("host_key_checking", False),
    ("primary_key", False), ("ansible_host", False), ("token_ttl", False),
])  # fmt: skip
def test_names_say_which_values_are_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_no_rule_is_compiled_and_no_library_loaded_before_a_text_needs_it() -> None:
    """The recorder's start pays for none of it."""
    code = (
        "import re, sys; before = set(sys.modules); made = []; real = re.compile; re.compile = lambda *more: made.append(more) or real(*more)\n"
        "from ansible_collections.incident.response.plugins.module_utils._core.redact import redact\n"
        "redact('Restart api on prod-api-01'); print(len(made), *sorted(n for n in set(sys.modules) - before if 'ansible' not in n))"
    )
    root = Path(__file__).parents[2] / "collections"
    shown = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(root)}, check=True, capture_output=True, text=True).stdout.split()
    assert int(shown[0]) <= 8
    assert not {"base64", "html", "urllib.parse", "unicodedata"} & set(shown[1:])


def test_a_cut_says_how_much_is_gone() -> None:
    assert cut("x" * 50, 30) == "x" * 12 + " … (50 characters)"


def test_the_mark_that_ends_inline_code_in_chat_stays() -> None:
    assert redact("`token = hunter2secret` (root)", (), guess=False) == "`token = [redacted]` (root)"
    assert "hunter2" not in redact("token = hunter`2secret and more", (), guess=False)
