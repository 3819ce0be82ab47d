"""People with their handles: the one form that each value has, by events.md, and the spellings in which it is sent."""

from random import Random

from tests.histories.event import Handle

__all__ = ["NOBODY", "Person", "people", "spelled"]

Person = dict[str, list[str]]  # forms of values by kind

# Values that name nobody (events.md), by kinds in which they come.
NOBODY: tuple[Handle, ...] = (
    ("phone", "+33"), ("phone", "0033"), ("phone", "17"), ("phone", "+1 555 0123"), ("phone", "0000000000"),
    ("email", "\u0000"), ("email", "\u200b"), ("email", "undefined@example.com"), ("email", "noreply@example.com"),
    ("email", "%%EMAIL%%"), ("email", "noemail@noemail.com"), ("user", "(null)"), ("user", '"null"'), ("user", "-1"),
    ("user", "{{user.id}}"), ("user", "N/A"), ("user", "shopify:null"), ("user", "00000000-0000-0000-0000-000000000000"),
    ("device", "9774d56d682e549c"), ("device", "02:00:00:00:00:00"), ("cookie", "undefined"), ("cookie", "${user_id}"),
    ("loyalty", "000-000"), ("loyalty", "walk-in"), ("social", "instagram:undefined"), ("social", "[object Object]"),
    ("cookie", "\u200bnull\u200b"), ("device", "*|EMAIL|*"),
)  # fmt: skip

_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def people(seed: int, count: int) -> list[Person]:
    """Return people of a history. The first two differ by ß and ss alone; values of two histories are never the same."""
    return [_person(seed, number) for number in range(count)]


def _person(seed: int, number: int) -> Person:
    name = f"p{number}q{seed}"
    local = {0: f"straße{seed}", 1: f"strasse{seed}"}.get(number, name)
    return {
        "user": [f"U-{name}"],
        "email": [f"{local}@xn--bcher-kva.example", f"{name}+shop@x.example"],
        "phone": [f"+336{(seed * 10 + number) % 10**8:08}", f"+33123456789;ext={seed % 10_000}{number}"],
        "loyalty": [f"lum{seed}x{number}"],
        "social": [f"instagram:{name}", f"ig:{name}"],
        "cookie": [f"c-{name}", f"C-{name}"],
        "device": [f"d-{name}"],
    }


def spelled(handle: Handle, random: Random) -> str:
    """Return a value that is another spelling of a handle, or the usual one."""
    kind, form = handle
    return random.choice(_SPELLINGS.get(kind, _as_they_are)(form))


def _as_they_are(form: str) -> list[str]:
    return [form, form, f"  {form}\t", f"\u200b{form}", form[:2] + "\u00ad" + form[2:]]


def _email(form: str) -> list[str]:
    local, _, domain = form.partition("@")
    unicode = f"{local}@{domain.replace('xn--bcher-kva', 'bücher')}"
    large = local if "ß" in local else local.upper()
    return [
        form, unicode, f" {large}@{domain.upper()} ", f"Ann <{unicode}>", f"mailto:{form}", f"{local}@\u200b{domain}",
        unicode.replace("ü", "u\u0308"),
    ]  # fmt: skip


def _phone(form: str) -> list[str]:
    number, _, extension = form.partition(";ext=")
    digits = number[3:]
    behind = f" ext. {extension}" if extension else ""
    said = [f"+33{digits}", f"+33 (0){digits[0]} {digits[1:3]} {digits[3:5]} {digits[5:]}", f"0033{digits}"]
    said += [f"0033 {digits[0]} {digits[1:5]}-{digits[5:]}", f"\u202a+33 {digits}\u202c"]
    if not extension:
        said += [f"tel:+33{digits}", f"+33{digits}".translate(_ARABIC), f"+33{digits}".translate(_WIDE)]
    return [text + behind for text in said]


def _loyalty(form: str) -> list[str]:
    return [form, form.upper(), f"{form[:3]}-{form[3:]}", f" {form[:3].title()} {form[3:]}"]


def _social(form: str) -> list[str]:
    network, _, account = form.partition(":")
    return [
        form,
        f"{network.title()}:@{account}",
        f"{network}:{account.upper()}",
        f"{network.upper()}: @{account}",
    ]


_SPELLINGS = {"email": _email, "phone": _phone, "loyalty": _loyalty, "social": _social}
