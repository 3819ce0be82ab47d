"""Defines the event contract, version 1: CloudEvents 1.0 in JSON whose `data` is one interaction with a brand."""

from typing import Annotated, Any, Literal, NotRequired, Required

from pydantic import (
    AwareDatetime,
    ConfigDict,
    Field,
    GetPydanticSchema,
    JsonValue,
    StringConstraints,
    TypeAdapter,
)
from pydantic_core import core_schema
from typing_extensions import TypedDict

from schemas.currency import CURRENCIES
from schemas.leap_seconds import with_leap_second

__all__ = [
    "JSON_TYPE",
    "LANGUAGE",
    "LINK",
    "MAX_AHEAD_S",
    "MAX_AMOUNT",
    "MAX_EVENT_BYTES",
    "MAX_HANDLES",
    "MAX_NAME",
    "MAX_PROPERTIES_BYTES",
    "SENTIMENT_BY",
    "UNLINK",
    "EventV1",
    "InteractionV1",
    "event_json_schema",
    "event_v1",
]

MAX_EVENT_BYTES = 32_768  # one event, as JSON (Segment's own limit)
MAX_PROPERTIES_BYTES = 8_192  # `properties`, as JSON
MAX_HANDLES = 8  # all kinds together; 28 links at the most
MAX_NAME = 256  # characters of an id, a source, a handle value and other names
LINK, UNLINK = "identity.link", "identity.unlink"  # types that say that handles are one person, or are not
MAX_AHEAD_S = 86_400  # event time ahead of our clock; beyond it the sender's clock is wrong

# The largest amount, in rupiah or dong some fifty million euros; up there a double tells apart thousandths.
MAX_AMOUNT = 1e12
# A media type of JSON, as CloudEvents has it: subtype json or a suffix +json, in any case, with parameters or without.
JSON_TYPE = r"^[^\s/;]+/([^\s/;]+\+)?[Jj][Ss][Oo][Nn][ \t]*(;.*)?$"

# A language tag by its form (BCP 47).
LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
SENTIMENT_BY = (
    "sentiment_by"  # the property that says what computed a sentiment: where it is, nobody said the sentiment
)

_TIME = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"
_rfc3339 = core_schema.chain_schema(
    # Without the pattern, "1700000000" would pass as seconds since 1970.
    [
        core_schema.str_schema(pattern=_TIME, max_length=40),
        core_schema.no_info_wrap_validator_function(
            with_leap_second, core_schema.datetime_schema(tz_constraint="aware", strict=False)
        ),
    ]
)

Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME)]
Brand = Annotated[str, StringConstraints(min_length=1, max_length=64)]
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=64)]
HandleKind = Literal["user", "email", "phone", "loyalty", "social", "cookie", "device"]
HandleValues = Annotated[
    Name | Annotated[list[Name], Field(min_length=1, max_length=MAX_HANDLES)],
    Field(union_mode="left_to_right"),
]
Time = Annotated[
    AwareDatetime,
    GetPydanticSchema(
        lambda _source, _handler: _rfc3339,
        lambda _schema, _handler: {
            "type": "string",
            "format": "date-time",
            "pattern": _TIME,
            "maxLength": 40,
        },
    ),
]


class InteractionV1(TypedDict):
    """One interaction of one person with one brand: what happened, to what, where, for how much."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    brand: Required[Annotated[Brand, Field(description="The brand the person interacted with.")]]
    handles: Required[
        Annotated[
            dict[HandleKind, HandleValues],
            Field(
                min_length=1,
                description="Who it was: by kind, one value or a list; at most 8 in all. "
                "All handles of one event are taken to be one person.",
            ),
        ]
    ]
    content: NotRequired[
        Annotated[Name, Field(description="Post, page, mail or ad that was seen or answered.")]
    ]
    product: NotRequired[Annotated[Name, Field(description="Product (SKU, GTIN).")]]
    place: NotRequired[Annotated[Name, Field(description="Store, restaurant, counter (GLN or own code).")]]
    campaign: NotRequired[Annotated[Name, Field(description="Campaign that this belongs to.")]]
    device: NotRequired[
        Annotated[Name, Field(description="Device class or model; who it was is in handles.")]
    ]
    amount: NotRequired[
        Annotated[
            float,
            Field(
                ge=-MAX_AMOUNT,
                le=MAX_AMOUNT,
                allow_inf_nan=False,
                description="Money, in `currency`; kept to 4 decimals.",
            ),
        ]
    ]
    currency: NotRequired[
        Annotated[
            Literal[tuple(sorted(CURRENCIES))],  # type: ignore[valid-type]
            Field(description="ISO 4217; required with amount."),
        ]
    ]
    rating: NotRequired[
        Annotated[
            float, Field(ge=0, le=10, allow_inf_nan=False, description="Stars, CSAT or NPS, as it was given.")
        ]
    ]
    sentiment: NotRequired[Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False, description="-1 to 1.")]]
    text: NotRequired[
        Annotated[
            str,
            Field(
                description="What the person wrote, of any length. It is never stored: where the brand has it read, "
                "`sentiment` is computed from it, unless the event has one, or a rating."
            ),
        ]
    ]
    language: NotRequired[
        Annotated[
            str,
            Field(
                pattern=LANGUAGE,
                description="Language of `text` (BCP 47); without it, the brand's. Not stored.",
            ),
        ]
    ]
    cause: NotRequired[
        Annotated[Name, Field(description="Id of the event, or the share code, that brought this one.")]
    ]
    consent: NotRequired[
        Annotated[
            Literal["granted", "denied"],
            Field(
                description="What the person said to being remembered; of an event that was denied nothing is kept "
                "but that there was one. Without it, the producer answers for consent."
            ),
        ]
    ]
    properties: NotRequired[
        Annotated[dict[str, JsonValue], Field(description="Anything else; at most 8 KB as JSON.")]
    ]


class EventV1(TypedDict):
    """A CloudEvents 1.0 envelope. Extension attributes are allowed and not kept; an optional attribute may be null, unset.

    `data` may come as `data_base64`, which the edge decodes before it looks at the event.
    """

    __pydantic_config__ = ConfigDict(extra="ignore", strict=True)  # type: ignore[misc]

    specversion: NotRequired[Literal["1.0"] | None]
    id: Required[
        Annotated[Name, Field(description="Unique within source; the same id again is the same event.")]
    ]
    source: Required[Annotated[Name, Field(description="Who says so: a URI or name of the producer.")]]
    type: Required[Annotated[EventType, Field(description="<area>.<verb>; the area gives the channel.")]]
    time: Required[
        Annotated[Time, Field(description="When it happened, RFC 3339 with an offset; 1900 or later.")]
    ]
    subject: NotRequired[Name | None]
    datacontenttype: NotRequired[
        Annotated[
            Annotated[str, StringConstraints(pattern=JSON_TYPE, max_length=MAX_NAME)] | None,
            Field(description="A media type of JSON; application/json without it."),
        ]
    ]
    dataschema: NotRequired[Name | None]
    data: Required[InteractionV1]


event_v1: TypeAdapter[EventV1] = TypeAdapter(EventV1)


def event_json_schema() -> dict[str, Any]:
    """Return the contract as JSON Schema 2020-12, with what pydantic cannot say added by hand."""
    schema = event_v1.json_schema(ref_template="#/$defs/{model}")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Interaction event, version 1"
    schema["$defs"]["InteractionV1"]["dependentRequired"] = {"amount": ["currency"]}
    schema["properties"]["data_base64"] = {
        "type": ["string", "null"],
        "contentEncoding": "base64",
        "contentMediaType": "application/json",
        "description": "`data` as JSON in base64, in its place.",
    }
    schema["required"].remove("data")
    encoded = {"properties": {"data_base64": {"type": "string"}}, "required": ["data_base64"]}
    schema["oneOf"] = [{"required": ["data"], "not": encoded}, encoded | {"not": {"required": ["data"]}}]
    return schema
