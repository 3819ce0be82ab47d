"""Any JSON there is, with what adapters look for in it more often than chance has it."""

from hypothesis import strategies as st

_NAMES = st.sampled_from(
    """type id actor object published inReplyTo items orderedItems location target batch sentAt timestamp messageId
    userId anonymousId previousId event traits properties context products revenue total currency rating email phone
    page campaign name path url library device channel detail status requester_id data item customer line_items topic
    created_at refunds transactions amount payment payload totals total_price formerType reviewRating ratingValue
    location_id processed_at source_name discount_codes code order_id event_id merchant_id""".split()  # noqa: SIM905
) | st.text(max_size=6)
_TEXTS = st.text(max_size=20) | st.sampled_from(
    """identify track page screen group alias Like Announce Create Follow Join Arrive Undo Delete Note Tombstone
    Collection ann@example.com +33612345678 2026-10-17T12:00:00Z 2026-10-17 Product_Viewed Order_Completed 12.50 EUR usd
    zen:event-type:ticket.created SOLVED conversation.user.created payment.updated COMPLETED CLOSED paid pos null
    0001-01-01T00:00:00+14:00 9999-12-31T23:59:59-14:00""".split()  # noqa: SIM905
)
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS
JSON = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=8),
    max_leaves=30,
)


def objects(**fields):
    """Return objects that hold some of these fields, and any others."""
    return st.builds(
        lambda some, others: {**others, **some},
        st.fixed_dictionaries({}, optional={name: JSON | given for name, given in fields.items()}),
        st.dictionaries(_NAMES, JSON, max_size=4),
    )
