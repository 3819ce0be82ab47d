"""Makes the client stream a server's answers, since a buffered answer may come cut off without an error."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

__all__ = ["unbuffered"]


def unbuffered(client: "Client") -> "Client":
    """Have answers to queries sent as they come.

    The client asks the server to keep an answer on disk until it is complete. Where the disk is full, ClickHouse 26.7
    then answers with nothing, or with the beginning, and no error: a watermark would be read as if there were none.
    """
    for name in ("query", "query_arrow"):
        setattr(client, name, _asked_unbuffered(getattr(client, name)))
    return client


def _asked_unbuffered(query: Callable[..., Any]) -> Callable[..., Any]:
    def asked(sql: str, *, settings: dict[str, Any] | None = None, **more: Any) -> Any:
        return query(sql, settings={"wait_end_of_query": 0} | (settings or {}), **more)

    return asked
