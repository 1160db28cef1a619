# Copyright: contributors to incident.response
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The forms of unknown secrets: formats of tokens and keys, and common ways to write passwords. Compiling all rules takes longer than a task. So each
rule names the words that a text must contain, and is compiled when the first text contains them. Repetitions in a rule are limited, so that no text
is slow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from .secret_names import HARMLESS, HINTS, WORDS

MASK = "[redacted]"
_KEPT = (
    r"(?i)^(?:true|false|none|null|nil|yes|no|on|off|\d{1,3}|is|was|not|and|or|for|of|in|by|has|must|required|missing|invalid|expired|empty"
    r"|undefined|omitted|unset|wrong|denied|simple|kerberos|digest|ntlm|ldap|pam|success\w{0,4}|fail\w{0,5}|0x[0-9a-f]{1,16}"
    r"|[a-z]{4,40}\{[0-9a-f]{5,8}|[*x.]{3,}|<[\w -]{1,40}>|\$\{?[A-Za-z_]\w{0,60}\}?|\{\{.*|[ub]?[\"']?\[redacted\]?.*)$"
)
"""Values in the place of a secret that are not secret, including the name of a variable that holds it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that finds one form of secrets. Only texts with one of the words in `needs` (lower case) can match. In a match, the groups `name`,
    `sep`, `scheme` and `after` are kept, and `value` is masked; without a `value` the whole match is masked."""

    needs: tuple[str, ...]
    pattern: str
    guess: bool = False
    """Only its letters and digits make it look like a secret."""


_VALUE = (
    r"(?:(?P<quote>\\{1,7}[\"'])(?:.{0,4000}?)(?:(?P=quote)|\Z)|\"(?:[^\"\\\n]|\\.){0,4000}(?:\"|\Z|(?=\n))|'(?:[^'\\\n]|\\.){0,4000}(?:'|\Z|(?=\n))"
    r"|\[redacted\][^\s\"',;&|)\]}>]{0,4000}|[^\s\"',;&|)\]}>\\][^\s\"',;&|)\]}>]{0,4000}(?<!`))"  # keeps inline code of chat closed
)
_QUOTE = r"(?:\\{0,7}[\"'])?"
_URL = r"https?:\\?/\\?/"
_KEY = r"PRIVATE KEY(?: BLOCK)?-----"


def _client(needs: str, client: str, flag: str) -> Rule:
    """A program with a password after a flag, or directly after its name."""
    between = r"[^\n]{0,300}?\s" if flag else ""
    return Rule(tuple(needs.split()), rf"(?P<name>\b(?:{client})(?![\w.]){between}{flag or chr(92) + 's{1,4}'})(?P<value>(?!-){_VALUE})")


_FORMATS = (
    Rule(("-----begin",), rf"(?s)-----BEGIN [A-Z0-9 ]{{0,40}}{_KEY}.*?(?:-----END [A-Z0-9 ]{{0,40}}{_KEY}|\Z)"),
    Rule(("putty-user-key",), r"(?s)PuTTY-User-Key-File-\d.{0,2000}?Private-Lines:.{0,8000}?(?:Private-(?:MAC|Hash):\s?\w{1,200}|\Z)"),
    Rule(("$ansible_vault",), r"\$ANSIBLE_VAULT;[^\n\\]{0,200}(?:(?:\\n|\s){1,40}[0-9a-f]{20,200})*"),
    Rule(("eyj",), r"\beyJ[\w-]{8,8000}\.[\w-]{4,8000}(?:\.[\w-]{0,8000}){0,3}"),
    Rule(
        ("_", "-", "sg.", "aiza", "ya29.", "hv", "s.", "dapi", "dp.", "atatt", "atctt", "atbb"),
        r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-|sk-|[srp]k_(?:live|test)_|whsec_|xox[abeprs]-"
        r"|xapp-|npm_|pypi-|hf_|do[opr]_v1_|shp(?:at|ss|ca|pa)_|SG\.|AIza|ya29\.|hv[sbr]\.|s\.(?=[A-Za-z0-9]{24})|dapi(?=[0-9a-f]{32})|lin_api_"
        r"|sntry[su]_|dckr_(?:pat|oat)_|dp\.(?:pt|st|ct)\.|glsa_|PMAK-|sq0(?:atp|csp|idp)-|NRAK-|figd_|AT(?:ATT|CTT|BB)3?(?=\w{20})|xkeysib-"
        r"|CFPAT-|nfp_|rubygems_|AGE-SECRET-KEY-|tskey-|ops_eyJ|pat-na1-|pul-|r8_|gsk_|GOCSPX-|key-(?=[0-9a-f]{32}))[\w.\-]{8,2000}",
    ),
    Rule((".atlasv1.",), r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,200}"),
    Rule(("akia", "asia", "agpa", "aida", "aroa", "abia", "acca"), r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ABIA|ACCA)[0-9A-Z]{12,60}\b"),
    Rule(("sk", "ac", "-us"), r"\b(?:SK|AC)[0-9a-f]{32}\b|\b[0-9a-f]{32}-us\d{1,2}\b"),
    Rule((":aa", "1//0"), r"\b\d{8,10}:AA[\w-]{32,40}|\b1//0[\w-]{20,200}"),
    Rule((".",), r"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,60}"),
    Rule(("$",), r"\$(?:2[aby]|1|5|6|y|7|gy|sha1|apr1|pbkdf2(?:-sha\d{1,3})?|argon2id?)\$[./A-Za-z0-9$=,+-]{20,1000}"),
    Rule(("sha", "md5}", "{crypt", "{pbkdf"), r"\{(?:S?SHA\d{0,3}|S?MD5|CRYPT|PBKDF2\S{0,20})\}[A-Za-z0-9+/=$.]{8,1000}"),
)
"""Secrets with a fixed form."""

_PLACES = (
    Rule(
        ("://", ":\\/\\/"),
        rf"(?i)(?P<name>\b{_URL}(?:hooks\.(?:slack(?:-gov)?|zapier)\.com|(?:\w{{1,20}}\.)?discord(?:app)?\.com\\?/api\\?/webhooks"
        r"|[\w.-]{1,100}\.webhook\.office\.com|outlook\.office(?:365)?\.com\\?/webhook|api\.telegram\.org|maker\.ifttt\.com"
        r"|events\.pagerduty\.com\\?/integration|hc-ping\.com|[\w.-]{1,100}\.(?:logic\.azure|powerplatform)\.com(?::\d{1,5})?"
        r"|chat\.googleapis\.com\\?/v1\\?/spaces|alert\.victorops\.com\\?/integrations|[\w.:-]{1,200}\\?/hooks(?=\\?/[\w-]{12})"
        r"|open\.(?:feishu\.cn|larksuite\.com)\\?/open-apis\\?/bot|oapi\.dingtalk\.com|qyapi\.weixin\.qq\.com)\\?/)"
        r"(?P<value>[^\s\"'<>)\]}]{6,1000})",
    ),
    Rule(
        ("://", ":\\/\\/"),
        r"(?P<name>(?<![\w+.-])[a-zA-Z][\w+.-]{0,30}:\\?/\\?/[^\s/@:\"'<>]{0,200}:)"
        r"(?!\d{1,5}/)(?P<value>[^\s/\"'<>]{1,500}|[^\s\"'<>]{1,500}?)(?P<after>@)(?=[\w.\[{-])",
    ),
    Rule(("://", ":\\/\\/"), rf"(?P<name>\b{_URL})(?P<value>[^\s/@:\"'<>]{{12,500}})(?P<after>@)"),
    Rule(("cookie",), r"(?i)(?P<name>\b(?:set-)?cookie:\s{0,8})(?P<value>[^\n\"'\\]{2,4000})"),
    Rule(
        HINTS,
        rf"""(?ix) (?P<name> {_QUOTE} (?<![a-z0-9]) [\w.-]{{0,60}}? {WORDS} (?:s(?![a-z0-9])|[_-](?!{HARMLESS}\b)\w{{1,60}}|\d{{1,4}})? {_QUOTE} )
         (?P<sep> \s{{0,8}}(?:=>|:=|[=:])\s{{0,8}} (?:[ub](?=["']))? )
         (?P<scheme> (?:basic|bearer|token|digest|negotiate|apikey|splunk|genie\s?key|aws4-hmac-sha256)\s+ )?
         (?P<value> {_VALUE} )""",
    ),
    Rule(("_key",), rf"(?P<name>\b[A-Z][A-Z0-9]{{0,40}}(?:_[A-Z0-9]{{1,40}}){{0,8}}_KEY{_QUOTE})(?P<sep>\s?[=:]\s?)(?P<value>{_VALUE})"),
    Rule(HINTS, rf"(?i)(?P<name><(?:\w{{1,30}}:)?[\w.-]{{0,60}}?{WORDS}s?(?:\s[^<>]{{0,200}})?>)(?P<value>[^<>]{{1,4000}})"),
    Rule(
        ("value",),
        rf"""(?ix) (?P<name> \b(?:name|key) {_QUOTE} \s? [=:] \s? {_QUOTE} [\w.-]{{0,60}}?{WORDS}[\w.-]{{0,40}} {_QUOTE} [\s,]{{0,40}} {_QUOTE}
         value {_QUOTE} ) (?P<sep> \s?[=:]\s? ) (?P<value> {_VALUE} )""",
    ),
    Rule(HINTS, rf"(?i)(?P<name>(?<!\S)--?[\w-]{{0,40}}?{WORDS}(?!-?{HARMLESS}\b)[\w-]{{0,40}}\s+)(?P<value>(?!-){_VALUE})"),
    Rule(("aws_",), rf"(?i)(?P<name>\baws_(?:secret_access_key|session_token)\s+)(?P<value>{_VALUE})"),
    Rule(
        ("-u", "-user"),
        r"(?P<name>(?<!\S)(?:-[uU]|--user|--proxy-user)[\s=]\s{0,4}[\"']?[^\s:\"'%]{1,100}[:%])(?P<value>[^\s\"']{1,1000})",
    ),
    _client("mysql maria", r"mysql\w{0,10}|mariadb[\w-]{0,10}", r"-p(?=\S)"),
    _client(
        "sshpass cqlsh click mongo login",
        r"sshpass|cqlsh|clickhouse-client|mongo(?:sh|dump|restore|export|import|stat|top|files)?|(?:docker|podman|az|buildah|skopeo|oc)\s+login",
        r"-p\s?",
    ),
    _client("redis keydb valkey", r"redis-cli|redis-benchmark|keydb-cli|valkey-cli", r"-a\s+"),
    _client("ldap", r"ldap(?:search|modify|add|delete|passwd|whoami|compare|modrdn)", r"-w\s?"),
    _client("sqlcmd bcp isql tsql ipmi zip", r"sqlcmd|bcp|isql|tsql|ipmitool|zip|unzip", r"-P\s?"),
    _client("7z", r"7z[arz]?", r"-p(?=\S)"),
    _client("snmp", r"snmp(?:get|walk|set|bulkwalk|bulkget|getnext|table|trap|inform)", r"-[AXc]\s+"),
    _client("smbclient rpcclient winexe", r"smbclient|rpcclient|winexe", r"-U\s?[^\s%]{1,100}%"),
    _client("rabbitmqctl", r"rabbitmqctl\s+(?:add_user|change_password|authenticate_user)", r"[^\s-]\S{0,100}\s+"),
    _client("login", r"(?:vault|doppler)\s+login", ""),
    _client("mysqladmin", r"mysqladmin\b[^\n]{0,200}?\spassword", ""),
    _client("openssl", r"openssl", r"-pass(?:in|out)?\s+pass:"),
    _client("xfreerdp", r"xfreerdp\d?", r"/p:"),
    Rule(
        ("sqlplus", "sqlldr", "expdp", "impdp"),
        r"(?P<name>\b(?:sqlplus|sqlldr|expdp|impdp)\b[^\n]{0,100}?\s[\w$#]{1,60}/)(?P<value>[^\s@/]{1,200})",
    ),
    Rule(
        ("identified", "password"),
        r"(?i)(?P<name>\b(?:identified\s{1,8}(?:with\s{1,8}\S{1,60}\s{1,8})?(?:by|as)\s{1,8}(?:password\s{1,8})?|password\s?\(\s?))"
        rf"(?P<value>{_VALUE})",
    ),
    Rule(("bearer", "basic"), r"(?i)(?P<name>\b(?:bearer|basic)\s{1,8})(?P<value>[\w.~+/=-]{6,4000})"),
    Rule(
        HINTS,
        rf"(?i)(?P<name>\b{WORDS}\s{{1,8}}(?:is\s|was\s|of\s|for\s{{1,8}}\S{{1,60}}\s{{1,8}}is\s)?\s{{0,8}})(?!\(\d{{1,3}}\))"
        r"(?P<value>\"[^\"\n]{1,1000}\"|'[^'\n]{1,1000}'|(?=[^\s\"',;.]{0,100}(?:\d|[!@#$%^&*+=?](?=\w)))[^\s\"',;]{2,1000})",
    ),
)
"""Places in which people and programs write secrets of any form."""

_GUESSES = (
    Rule(
        (*HINTS, "sign", "psk", "cred"),
        r"(?i)(?P<name>(?:key|token|secret|auth|cred|pass|hmac|sign|psk)\w{0,20}\W{1,12}(?:\w{1,20}\W{1,4}){0,2})"
        r"(?P<value>(?<![\w/.:-])[0-9a-f]{32,4000}(?![\w/.-]))",
    ),
    Rule(
        ("",),
        r"(?<![\w/.:+-])(?!\d{8}T\d{6}-)(?=[\w+/-]{0,60}[0-9])(?=[\w+/-]{0,60}[a-z])(?=[\w+/-]{0,60}[A-Z])[A-Za-z0-9+/_-]{24,4000}={0,2}(?![\w/.-])",
        guess=True,
    ),
)
RULES = (*_FORMATS, *_PLACES)
_RUN = r"[\w+/-]{24}"
"""The condition of each guess."""
_END_OF_KEY = rf"-----END [A-Z0-9 ]{{0,40}}{_KEY}"
_OF_A_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\\r\n\t "


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_words: tuple[object, re.Pattern[str]] = (None, re.compile(""))
"""The rules that `_any_word` was made from, and what it is."""


def masked(text: str, *, guess: bool = True) -> str:
    """The text with a mask for everything that looks like a secret. Without `guess`, sequences that only look like one are kept."""
    small = text.lower()
    if not _any_word().search(small) and not (guess and _compiled(_RUN).search(text)):
        return text
    if "-----end" in small:
        text = _without_tail_of_key(text)
    hinted = any(word in small for word in HINTS)
    for rule in (*RULES, *_GUESSES) if guess else RULES:
        if hinted if rule.needs is HINTS else any(word in small for word in rule.needs):
            text = _compiled(rule.pattern).sub(_random if rule.guess else _replaced, text)
    return text


def _any_word() -> re.Pattern[str]:
    """A pattern for any word that a rule needs, except the guesses. Most texts have none, and one search is faster than one for each rule."""
    global _words
    if _words[0] is not RULES:
        needed = {word for rule in RULES for word in rule.needs} | {"-----end"}
        _words = (RULES, re.compile("|".join(map(re.escape, sorted(needed)))))
    return _words[1]


def _replaced(match: re.Match[str]) -> str:
    parts = match.groupdict()
    value = parts.get("value")
    if value is None:
        return MASK
    if _compiled(_KEPT).match(value.strip("\\\"'")):
        return match[0]
    return f"{parts['name']}{parts.get('sep') or ''}{parts.get('scheme') or ''}{MASK}{parts.get('after') or ''}"


def _random(match: re.Match[str]) -> str:
    """Whether a text looks random: words, paths and names of classes only change the kind of characters at their borders; random text changes it all
    the time."""
    kinds = "".join("0" if char.isdigit() else "A" if char.isupper() else "a" if char.islower() else "-" for char in match[0])
    changes = sum(kinds.count(pair) for pair in ("aA", "a0", "A0", "0a", "0A"))
    return MASK if changes * 4 >= len(kinds) else match[0]


def _without_tail_of_key(text: str) -> str:
    """A private key whose beginning was cut off."""
    found = _compiled(_END_OF_KEY).search(text)
    if not found or "-----BEGIN" in text[: found.start()]:
        return text
    return text[: found.start()].rstrip(_OF_A_KEY) + MASK + text[found.end() :]
