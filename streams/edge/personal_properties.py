"""Removes personal data from properties, by the names of keys and by the form of texts."""

import json
import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from schemas.segment import snake
from streams.edge.personal_forms import hidden

__all__ = ["is_name", "is_number_of_card", "is_personal", "without_personal"]

Hide = Callable[[str], str]
Tells = Callable[[int | float], bool]

_LONGEST_KEY = 64  # characters of a key that are compared
_LONGEST_NUMBER = 10**12  # from which on a whole number may be that of a card
_LARGEST_NUMBER = 10**22  # up to which a whole number has its digits as a fraction, too
_NAMES = 6  # words at the end of a key that are compared
_DEEPEST = 200  # levels that are looked into, those of JSON in texts included; the contract takes no more
_BLANK = " \t\r\n\ufeff"
_OPENING = frozenset('{["')
_KEY = re.compile(r'"([^"\\]{1,64})"\s*:\s*')
_BEHIND_KEY = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{].*|(?!true|false|null)[^\s,}\]"]++', re.DOTALL)
# A key is personal that is, or ends in, one of these; written without "_" and numbers at the end, as address2. Not in English: the
# words of forms that can be nothing else.
_ENDS = frozenset(
    [
        "email", "emailaddress", "mailaddress", "phone", "phonenumber", "telephone", "telephonenumber",
        "mobilenumber", "mobilephone", "msisdn", "firstname", "forename", "givenname", "lastname", "familyname",
        "surname", "fullname", "middlename", "maidenname", "cardholder", "cardholdername", "address",
        "addressline", "street", "streetname", "housenumber", "postcode", "postalcode", "zip", "zipcode", "ip",
        "ipaddress", "ipv", "iban", "accountnumber", "creditcard", "creditcardnumber", "cardnumber", "birthday",
        "birthdate", "dateofbirth", "passport", "passportnumber", "ssn", "socialsecuritynumber", "nationalid",
        "taxid", "driverslicense", "licenseplate", "licenceplate", "loyaltyid", "loyaltycard", "loyaltynumber",
        "userid", "username", "anonymousid", "cookieid", "password", "nickname", "displayname", "screenname",
        "accountholder", "accountowner", "holdername", "imei", "idfa", "gaid", "advertisingid", "prenom",
        "nomdefamille", "adresse", "codepostal", "telephonemobile", "datedenaissance", "vorname", "nachname",
        "strasse", "hausnummer", "postleitzahl", "plz", "telefon", "telefonnummer", "handynummer",
        "geburtsdatum", "apellido", "apellidos", "direccion", "codigopostal", "telefono", "fechanacimiento",
        "cognome", "indirizzo", "codicefiscale", "sobrenome", "endereco", "telefone", "cpf", "voornaam",
        "achternaam", "customername", "recipientname", "contactname", "billingname", "shippingname",
        "passportno", "customernumber", "customerno", "accountno", "phoneno", "mobileno", "remoteaddr",
        "instagramhandle", "twitterhandle", "tiktokhandle",
    ]
)  # fmt: skip
_WHOLE = frozenset(
    [
        "mail", "tel", "mobile", "cell", "fax", "dob", "pan", "cvc", "cvv", "card", "cookie", "user", "loyalty",
        "social", "handles", "useragent", "avatar", "token", "secret", "username", "customer", "recipient",
        "contact", "person", "passenger", "passengers", "guest", "guests", "attendee", "attendees", "traits",
        "nom", "rue", "holder", "beneficiary", "consignee", "addressee", "login", "loginname", "cardno",
        "latitude", "longitude",
    ]
)  # fmt: skip
# A text of several words with capitals is somebody's name under these; of an object, `name` and the like are.
_PERSONS = frozenset(
    [
        "sender", "owner", "employee", "payer", "payee", "buyer", "subscriber", "patient", "student",
    ]
)  # fmt: skip
# In these, what is called a name or a place is somebody's.
_ABOUT = frozenset(
    [
        "shipping", "billing", "sender", "owner", "author", "actor", "member", "employee", "shippingdetails",
        "billingdetails", "delivery", "pickup", "invoice", "payer", "payee", "buyer", "subscriber", "patient",
        "student", "parent", "child", "livraison", "facturation", "lieferung",
    ]
)  # fmt: skip
_IN_ABOUT = frozenset(
    [
        "name", "city", "state", "region", "country", "company", "line", "to", "attn", "attention", "ville",
        "ort", "stadt",
    ]
)  # fmt: skip
_CODES = frozenset(
    [
        "gtin", "ean", "upc", "isbn", "sku", "gln", "asin", "mpn", "productid", "variantid", "version",
        "appversion",
    ]
)  # fmt: skip

_NAME = re.compile(
    r"(?<!\w)[A-Z\u00c0-\u00de\u0386-\u03ab\u0400-\u042f][^\W\d_]*\.?[ \-]+(?:[^\W\d_]+[ \-]+){0,3}[A-Z\u00c0-\u00de\u0386-\u03ab\u0400-\u042f][^\W\d_]*"
)


def is_number_of_card(number: float) -> bool:
    """Return whether a number has the digits of a card."""
    if not _LONGEST_NUMBER <= abs(number) < _LARGEST_NUMBER or number != int(number):
        return False
    return hidden(digits := str(abs(int(number)))) != digits


def without_personal(
    properties: dict[str, Any], hide: Hide = hidden, tells: Tells = is_number_of_card
) -> dict[str, Any]:
    """Return properties without keys that are personal, at any depth, in texts that are JSON too.

    `hide` is asked for what is left of each text, `tells` whether a number is not to be kept.
    True, false and null under such a key are kept: `email: true` names nobody.

    Raises
    ------
    RecursionError
        They are nested more deeply than the contract takes. A text that is becomes "#".
    """
    return _object(properties, hide, tells, _DEEPEST)


def is_personal(key: str, more: Collection[str] = ()) -> bool:
    """Return whether the value under a key is a person's; `more` are names in snake case."""
    return _is_personal(key[:_LONGEST_KEY]) or (bool(more) and _snake(key[:_LONGEST_KEY]) in more)


def _key(key: str, hide: Hide) -> str:
    return hide(key)


def _tells(key: str, value: Any) -> bool:
    return not (value is None or value is True or value is False) and _is_personal(key[:_LONGEST_KEY])


def _object(properties: dict[str, Any], hide: Hide, tells: Tells, left: int) -> dict[str, Any]:
    """Return what may be kept of an object; so many more levels are looked into."""
    if not left:
        raise RecursionError("nested more deeply than is looked into")
    return {
        _key(key, hide): _value(key, value, hide, tells, left - 1)
        for key, value in properties.items()
        if not _tells(key, value)
    }


def _value(key: str, value: Any, hide: Hide, tells: Tells, left: int) -> Any:
    kind = value.__class__
    if kind is str:
        word = _word(key[:_LONGEST_KEY])
        if word in _PERSONS and _NAME.search(value) and value.lstrip(_BLANK)[:1] not in _OPENING:
            return "#"
        is_code = word in _CODES and value.isalnum()
        return value if is_code else _text(key, value, hide, tells, left)
    if kind is dict:
        if _word(key[:_LONGEST_KEY]) in _ABOUT:
            value = {
                name: item for name, item in value.items() if _word(name[:_LONGEST_KEY]) not in _IN_ABOUT
            }
        return _object(value, hide, tells, left)
    if kind is list:
        if not left:
            raise RecursionError("nested more deeply than is looked into")
        return [_value(key, item, hide, tells, left - 1) for item in value]
    return "#" if kind in {int, float} and tells(value) else value


def _text(key: str, text: str, hide: Hide, tells: Tells, left: int) -> str:
    """Return the text under a key as it may be kept; one that is JSON itself, or holds some, is looked into."""
    if text.lstrip(_BLANK)[:1] in _OPENING:
        try:
            inner = json.loads(text.strip(_BLANK))
            kept = _value(key, inner, hide, tells, left)
        except RecursionError:
            return "#"
        except ValueError:
            pass
        else:
            return text if kept == inner else json.dumps(kept, ensure_ascii=False)
    return hide(_without_pairs(text))


def _without_pairs(text: str) -> str:
    """Return a text in which JSON was cut off, or stands between other text, without values of personal keys."""
    parts, end = [], 0
    for key in _KEY.finditer(text) if '"' in text else ():
        if key.start() >= end and _is_personal(key[1]) and (value := _BEHIND_KEY.match(text, key.end())):
            parts += [text[end : key.end()], '"#"']
            end = value.end()
    return "".join([*parts, text[end:]])


def is_name(key: str) -> bool:
    """Return whether a key is `name`, in any spelling."""
    return _word(key[:_LONGEST_KEY]) == "name"


@lru_cache(4_096)
def _snake(key: str) -> str:
    if not key.isascii():  # neither accents nor the width of letters make another word
        key = "".join(filter(str.isascii, unicodedata.normalize("NFKD", key.replace("ß", "ss"))))
    return snake(key)


@lru_cache(4_096)
def _word(key: str) -> str:
    return re.sub(r"[\d_]", "", _snake(key))


@lru_cache(4_096)
def _is_personal(key: str) -> bool:
    if "." in key:  # an object that was made flat: order.customer.name
        *heads, last = key.split(".")
        if any(map(_is_personal, heads)) or (
            _word(last) in _IN_ABOUT and any(_word(head) in _ABOUT for head in heads)
        ):
            return True
    words = [word for part in _snake(key).split("_") if (word := part.strip("0123456789"))]
    ends = ("".join(words[-count:]) for count in range(1, min(len(words), _NAMES) + 1))
    return "".join(words) in _WHOLE or any(end in _ENDS for end in ends)
