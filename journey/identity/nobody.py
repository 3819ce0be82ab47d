"""Lists the values that name nobody: what programs, templates, devices and tills write where they know no one.

The only deny list; every way in (HTTP, Kafka, files, adapters) reaches it through `journey.identity.handle.normalise`.
"""

import re
from collections.abc import Collection
from urllib.parse import unquote

__all__ = ["NOBODY", "is_nobody", "is_word_for_nobody"]

# What code writes for a value that is missing, in any language of programs; also found behind a prefix ("shopify:null").
_CODE = frozenset({"null", "undefined", "none", "nil", "nan", "[object object]", "object object"})
# What people, forms and tills write.
_WORDS = frozenset(
    {
        "n/a", "n.a.", "n.a", "na", "n/d", "k.a.", "-", "?", "no", "anonymous", "anonymous user", "anonymized",
        "anonymised", "anon", "guest", "guest user", "guest customer", "unknown", "unknown user", "not set",
        "(not set)", "not_set", "not-set", "notset", "not provided", "not_provided", "not available",
        "not applicable", "empty", "blank", "missing", "true", "false", "{}", "[]", "deleted", "removed",
        "redacted", "hidden", "no email", "no-email", "no_email", "noemail", "no phone", "no-phone", "nophone",
        "walkin", "walk-in", "walk in", "walk-in customer", "walk in customer", "walkin customer", "cash customer",
        "#n/a", "#ref!", "#value!", "#name?", "#null!", "#num!", "#div/0!", "#error!", "\\n",
        "nullptr", "optional(nil)", "%!s(<nil>)", "unknown_user", "unknown-user", "n / a", "\u2013", "\u2014", "\u2800",
        "inconnu", "unbekannt", "desconocido", "sconosciuto", "onbekend", "&nbsp;",
    }
)  # fmt: skip
# Ids that very many devices have: of Android 2.2's emulator and a maker's defect; of emulators; the address that iOS 7
# and Android 6 give every app; a serial number that was never set.
_DEVICES = frozenset(
    {
        "9774d56d682e549c", "dead00beef", "02:00:00:00:00:00", "020000000000", "ff:ff:ff:ff:ff:ff", "ffffffffffff",
        "ffffffff-ffff-ffff-ffff-ffffffffffff", "0123456789abcdef", "004999010640000", "-1",
        # Hashes of the empty text: of programs that hash what they do not have.
        "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)  # fmt: skip
NOBODY: frozenset[str] = _CODE | _WORDS | _DEVICES

# Mailboxes that no person reads.
_MACHINES = frozenset({"noreply", "donotreply", "mailerdaemon"})  # without signs and tags
_SIGNS_AND_TAG = re.compile(r"\+.*|[._\-]")

# All zeros, as ids of any form: digits, UUIDs (also of the identifier for advertisers that iOS withholds), hexadecimals.
_ZEROS = re.compile(r"(?:0x)?[0\-:.+_/, ]*")
# All bits set, as a UUID or a hardware address has them that was never given: hexadecimal digits of nothing but f.
_ONES = re.compile(r"0xf{8,}|f(?:[:\-]?f){11,}")
_NEGATIVE = re.compile(r"-\d{1,4}(?:\.0*)?")  # -1, -99: "none" in databases and spreadsheets
_WRAPPERS = " \t\n\r\"'`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a()[]{}<>\\"
# What a template leaves where nothing was filled in: {{user.id}}, ${id}, #{id}, <% id %>, {% id %}, %%EMAIL%%, *|EMAIL|*,
# [[id]], $(id), @{id}, __USER_ID__, @@user@@, and {{id}} as web addresses have it; anywhere in a value.
_TEMPLATE = re.compile(
    r"\{\{.*\}\}|__(?:[A-Z0-9]+_)?(?:ID|EMAIL|MAIL|PHONE|USER|CUSTOMER|NAME|COOKIE|DEVICE)(?:_[A-Z0-9]+)?__|@@\w+@@|[$#@]\{.*\}|\$\(.*\)|<%.*%>|<\?.*\?>|\{%.*%\}|%%.*%%|\*\|.*\|\*|\[\[.*\]\]|(?i:%7b%7b.*%7d%7d)",
    re.DOTALL,
)
# And of a whole value, the name of a field in brackets: [email], <user>, {userId}, %EMAIL%, {0}, %s, or a variable's: $userId. With another digit or
# an @ it may be somebody's: {3F2504E0-4F89-11D3-9A0C-0305E82C3301}, <ann@example.com>.
_FIELD = re.compile(
    r"[\[{<(%]+\s*[$#]?[^\W\d][^\W\d]*(?:[ .\-][^\W\d]+)*\s*[\]}>)%]+|\{\d?\}|%[sd@]|\$(?:user|customer|client|member|account|visitor|contact|first|last)?_?(?:id|e?mail|phone|name|user|customer|cookie|device)"
)
_PLAIN = re.compile(r"[A-Za-z1-9][A-Za-z0-9@._+: \-]*")  # no sign that only nobody has
_ASCII_SIGNS = re.compile(r"[\x00-\x7f]+")
_AGAIN = re.compile(r"(?:null|undefined|none|nil|nan)(?:[\s,;|/_\-.:]+(?:null|undefined|none|nil|nan))+")
_BEHIND_A_PREFIX = frozenset({"user", "social"})


def is_nobody(kind: str, text: str, nobody: Collection[str] = NOBODY) -> bool:
    """Return whether a value in Unicode's form NFKC, without invisible characters, names nobody.

    Letter case, quotes, brackets and white space around it do not matter. `nobody` are values in `str.casefold`.

    >>> [is_nobody("user", text) for text in ("(NULL)", '"null"', "{{user.id}}", "-1", "[email]", "ann")]
    [True, True, True, True, True, False]
    """
    small = text.casefold()
    is_plain = _PLAIN.fullmatch(text) is not None
    if _is_word(small, nobody, is_plain=is_plain):
        return True
    if (not is_plain or "__" in text) and (
        _FIELD.fullmatch(small) or _TEMPLATE.search(text) or (kind != "phone" and _NEGATIVE.fullmatch(text))
    ):
        return True
    if kind == "email":
        return _is_mailbox_of_nobody(small)
    if kind in _BEHIND_A_PREFIX and ":" in small:
        behind = small.rpartition(":")[2].strip(_WRAPPERS + "@")
        is_none = not behind or ("0" in behind and _ZEROS.fullmatch(behind) is not None)
        return behind in _CODE or (kind == "social" and is_none)
    return False


def is_word_for_nobody(text: str, nobody: Collection[str] = NOBODY) -> bool:
    """Return whether a value is nobody and may be shown, as nothing in it can be a person's: of the list, zeros, signs."""
    return _is_word(text.casefold(), nobody, is_plain=False)


def _is_word(small: str, nobody: Collection[str], *, is_plain: bool) -> bool:
    if small in nobody or _AGAIN.fullmatch(small) or _ONES.fullmatch(small):
        return True
    if is_plain:
        return False
    return any(
        _is_bare(text, nobody) for text in ({small, unquote(small).casefold()} if "%" in small else (small,))
    )


def _is_bare(small: str, nobody: Collection[str]) -> bool:
    bare = " ".join(small.strip(_WRAPPERS).split())
    return bare in nobody or _ZEROS.fullmatch(bare) is not None or _has_only_signs(small)


def _has_only_signs(text: str) -> bool:
    return (
        _ASCII_SIGNS.fullmatch(text) is not None
        and "_" not in text  # a name on networks
        and not any(map(str.isalnum, text))
    )


def _is_mailbox_of_nobody(address: str) -> bool:
    """Return whether an address was put together without a name, or is of a program.

    Where both sides of the @ say that there is none (noemail@noemail.com), and where code joined a missing name to a
    domain (undefined@example.com). `test@test.com` may be somebody.
    """
    local, at, domain = address.strip(_WRAPPERS).removeprefix("mailto:").rpartition("@")
    if not at:
        return False
    local, domain = local.strip(), domain.strip().rstrip(".")
    if not local or not domain or local in _CODE or _SIGNS_AND_TAG.sub("", local) in _MACHINES:
        return True
    return local in NOBODY and domain.partition(".")[0] in NOBODY
