"""Compiles the expressions of webhook mappings: JMESPath, short, checked when they are loaded, with two functions of ours.

JMESPath (https://jmespath.org) has no loops, no names of ours and no side effects.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature
from pydantic import BeforeValidator, Field

__all__ = ["Compiled", "Expression", "Values"]

_LONGEST = 1_024  # characters of an expression
_DASHES = re.compile("[\u2010-\u2015\u2212]")


class _Functions(Functions):  # type: ignore[misc]  # it has no types
    """JMESPath's functions, and `lower` and `digest`."""

    @signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_lower(self, value: Any) -> str:
        """Return a text or whole number in small letters, without white space around it; "" for what is neither."""
        is_text = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
        text = unicodedata.normalize("NFKC", str(value)) if is_text else ""
        shown = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
        return _DASHES.sub("-", shown).strip().casefold()

    @signature({"types": []})  # type: ignore[untyped-decorator]
    def _func_digest(self, value: Any) -> str | None:
        """Return 32 hex digits of a text or whole number, the same for the same one, for ids in which a provider hides somebody."""
        is_text = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
        return sha256(str(value).encode("utf-8", "surrogatepass")).hexdigest()[:32] if is_text else None


_OPTIONS = jmespath.Options(custom_functions=_Functions())


class Expression:
    """A compiled expression over `body`, `headers`, `query` and the names that a mapping gives."""

    def __init__(self, text: str) -> None:
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise ValueError(f"not JMESPath: {str(error).splitlines()[0]}") from None
        except RecursionError:
            raise ValueError("nested too deeply") from None
        for name, given in _calls(self._compiled.parsed):
            _check_call(name, given)

    def search(self, scope: Mapping[str, Any]) -> Any:
        """Return what is found, None where nothing is.

        Raises
        ------
        ValueError
            A function was given what it does not take; nothing is quoted.
        """
        try:
            return self._compiled.search(scope, options=_OPTIONS)
        except (JMESPathError, ArithmeticError, AttributeError, RecursionError, TypeError, ValueError):
            raise ValueError("the expression cannot be worked out on this body") from None


def _calls(node: Any) -> Iterator[tuple[str, int]]:
    if isinstance(node, dict):
        if node.get("type") == "function_expression":
            yield node["value"], len(node["children"])
        for child in node.get("children", ()):
            yield from _calls(child)


def _check_call(name: str, given: int) -> None:
    known = _Functions.FUNCTION_TABLE.get(name)
    if known is None:
        raise ValueError(f"there is no function {name}()")
    signature = known["signature"]
    variadic = bool(signature) and bool(signature[-1].get("variadic"))
    if given < len(signature) or (given > len(signature) and not variadic):
        raise ValueError(f"{name}() takes {len(signature)} arguments, not {given}")


def _compiled(value: Any) -> Any:
    if isinstance(value, Expression):
        return value
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise ValueError(f"an expression is a text of 1 to {_LONGEST} characters")
    return Expression(value)


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Compiled = Annotated[Expression, BeforeValidator(_compiled)]
Values = Annotated[list[Compiled], BeforeValidator(_listed), Field(min_length=1, max_length=8)]
