"""Handles one request from its headers to its answer: authentication, limits, events, and the result of each."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from streams.clock import Clock, system_clock
from streams.collector import cloudevents_http
from streams.collector.adapters import (
    Adapter,
    Challenged,
    Item,
    KeyedByBody,
    Malformed,
    Replies,
    Request,
    Settles,
    Unverified,
)
from streams.collector.bodies import decompressed, received
from streams.collector.body_thread import Beside
from streams.collector.client import Networks, address_of, presented
from streams.collector.committer import Busy, Committer, Submission, SubmissionOutcome
from streams.collector.limits import (
    ADDRESS_REQUESTS,
    ADDRESSES_REMEMBERED,
    KEYLESS_REQUESTS,
    MAX_ITEMS,
    OUTCOME_S,
    REQUESTS,
)
from streams.collector.rates import Rates
from streams.collector.results import Result, Status, body_of, drop, rendered, results_of, with_passed_over
from streams.collector.write_keys import Keyring, WriteKey
from streams.edge import Refused
from streams.http.cross_site import page_of
from streams.http.problems import Problem

__all__ = ["CORS", "Policy", "RequestHandler"]

_JSON = "application/json"
Made = TypeVar("Made")
_KEYS_S = 60  # after which keys that cannot be read may have been brought back
CORS = {"vary": "Origin", "access-control-expose-headers": "Retry-After"}


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of requests: which proxies the collector trusts and how much it accepts.

    Attributes
    ----------
    proxies
        Networks of proxies whose X-Forwarded-For is believed.
    requests_per_s
        Of one address; 0 is without limit.
    """

    proxies: Networks = ()
    requests_per_s: float = 0.0


class RequestHandler:
    """A handler of requests, for the thread of the event loop alone."""

    def __init__(
        self, keyring: Keyring, committer: Committer, policy: Policy, *, clock: Clock = system_clock
    ) -> None:
        self.keyring, self.committer, self.state = keyring, committer, committer.state
        self._policy, self._clock = policy, clock
        self._of_keys, self._of_addresses = Rates(ADDRESSES_REMEMBERED), Rates(ADDRESSES_REMEMBERED)
        self._at_work, self._keyless = Counter[str](), 0
        self._beside, self._beside_keyless = Beside("bodies"), Beside("bodies-keyless")

    async def take(self, http: HttpRequest, adapter: Adapter | None = None) -> Response:
        """Answer a request that brings events: as CloudEvents, or as an adapter reads them."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in http.headers.raw}
        origin = headers.get("origin", "")
        try:
            with self._room(self._address(http, headers)):
                answer = await self._taken(http, headers, adapter)
        except Problem as problem:
            answer = Response(problem.body, int(problem.status), dict(problem.headers))
        except ClientDisconnect:
            answer = Response(status_code=400)  # nobody reads it
        if origin:
            answer.headers.update(self.allowed(origin))
        self.state.answered(answer.status_code)
        return answer

    def allowed(self, origin: str) -> dict[str, str]:
        """Return the headers that let a page of this origin read an answer, if any write key is for it."""
        origins = self.keyring.origins
        return CORS | ({"access-control-allow-origin": origin} if origin in origins or "*" in origins else {})

    @contextmanager
    def _room(self, address: str) -> Iterator[None]:
        """Count a request that is at work, unless there are too many, or too many of its address."""
        if self._at_work.total() >= REQUESTS:
            raise Problem("busy", "too many requests at once", retry_s=1)
        if self._policy.requests_per_s and self._at_work[address] >= ADDRESS_REQUESTS:
            raise Problem("rate", "too many requests at once from this address", retry_s=1)
        self._at_work[address] += 1
        try:
            yield
        finally:
            self._at_work[address] -= 1
            self._at_work += Counter()  # forgets addresses with none

    async def _taken(
        self, http: HttpRequest, headers: Mapping[str, str], adapter: Adapter | None
    ) -> Response:
        request = Request(
            http.url.path, http.method, headers, dict(http.query_params), b"", "", self._clock()
        )
        secret = presented(headers, request.query) or (adapter.key(request) if adapter else "")
        if secret or not isinstance(adapter, KeyedByBody):
            key = self._key(secret, headers)  # who is nobody need not send a body
            request = await self._with_body(http, request, self._beside)
        else:
            with self._keyless_room():
                request = await self._with_body(http, request, self._beside_keyless)
                key = self._key(await self._beside_keyless.run(request, adapter.key, request), headers)
        request = replace(request, grant_source=key.source, grant_brand=key.only_brand or "")
        if isinstance(adapter, Replies):
            return _replied(adapter.reply(request))
        if isinstance(adapter, Challenged):
            challenged = await self._beside.run(request, self._judged, adapter.challenge, request)
            if challenged is not None:
                return _replied(challenged)
        items = await self._beside.run(request, self._read, request, adapter)
        events = [item for item in items if not item.passed_over]
        try:
            results = with_passed_over(items, await self._settled(key, request, events))
        except BaseException:
            drop(items)
            raise
        drop(item for item, result in zip(items, results, strict=True) if result.status is Status.REJECTED)
        self.state.passed(Counter(reason for item in items if (reason := _passed_over(item))))
        if isinstance(adapter, Settles):
            adapter.settle(request)
        return await self._beside.run(request, _answer, results, adapter)

    @staticmethod
    async def _with_body(http: HttpRequest, request: Request, beside: Beside) -> Request:
        """Return the request with its body, unpacked."""
        body = await received(http.stream(), request.headers.get("content-length", ""))
        request = replace(request, body=body)
        return await beside.run(request, _unpacked, request)

    @contextmanager
    def _keyless_room(self) -> Iterator[None]:
        """Count a request whose body is read before its key is known, unless there are too many."""
        if self._keyless >= KEYLESS_REQUESTS:
            raise Problem("busy", "too many requests at once whose write key is in the body", retry_s=1)
        self._keyless += 1
        try:
            yield
        finally:
            self._keyless -= 1

    def _address(self, http: HttpRequest, headers: Mapping[str, str]) -> str:
        """Return the client's address, unless it has sent too much."""
        peer = http.client.host if http.client else ""
        address = address_of(peer, headers.get("x-forwarded-for", ""), self._policy.proxies)
        wait_s = self._of_addresses.take(address, 1, self._policy.requests_per_s, time.monotonic())
        if wait_s:
            raise Problem("rate", "too many requests from this address", retry_s=wait_s)
        return address

    def _key(self, secret: str, headers: Mapping[str, str]) -> WriteKey:
        found = self.keyring.find(secret) if secret else None
        if found is None and not self.keyring.was_read:
            raise Problem("busy", "the write keys of this collector cannot be read now", retry_s=_KEYS_S)
        if found is None:
            raise Problem(
                "no_key",
                "give a write key as user of Basic authorization, as Bearer token, in X-Write-Key, or as ?writeKey=",
            )
        if not found.serves(page_of(headers)):
            raise Problem(
                "origin_not_granted", "journey keys write create --origin says which pages may use a key"
            )
        return found

    def _read(self, request: Request, adapter: Adapter | None) -> Sequence[Item]:
        if adapter is None:
            return self._items(request, cloudevents_http.items)
        self._judged(adapter.verify, request)
        return self._items(request, adapter.translate)

    @staticmethod
    def _judged(judge: Callable[[Request], Made], request: Request) -> Made:
        """Return what an adapter says of a request, its refusal as a problem."""
        try:
            return judge(request)
        except Unverified as error:
            raise Problem("unverified", str(error)) from None
        except Malformed as error:
            raise Problem("malformed", error.detail, pointer=error.pointer) from None

    def _items(self, request: Request, read: Callable[[Request], Sequence[Item]]) -> Sequence[Item]:
        items = self._judged(read, request)
        if len(items) > MAX_ITEMS:
            raise Problem("too_large", f"{len(items):,} items, at most {MAX_ITEMS:,}: send smaller batches")
        return items

    async def _settled(self, key: WriteKey, request: Request, items: Sequence[Item]) -> list[Result]:
        """Return what became of items, once the log has them."""
        if not items:
            return []
        if wait_s := self._of_keys.take(key.name, len(items), key.per_s, time.monotonic()):
            raise Problem("rate", f"this write key may send {key.per_s:,} events a second", retry_s=wait_s)
        lines = [_trace(request, item) if item.line is None else item.line for item in items]
        refused = {
            place: Refused(item.reason, f"{item.pointer or '/'}: {item.detail}")
            for place, item in enumerate(items)
            if item.line is None
        }
        is_made = any(item.is_made for item in items)
        outcome = await self._committed(key, lines, refused, is_made=is_made)
        return await self._beside.run(request, results_of, items, outcome)

    async def _committed(
        self, key: WriteKey, lines: Sequence[bytes], refused: Mapping[int, Refused], *, is_made: bool
    ) -> SubmissionOutcome:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[SubmissionOutcome | Busy] = loop.create_future()

        def settle(outcome: SubmissionOutcome | Busy) -> None:
            if not future.done():
                future.set_result(outcome)

        def done(outcome: SubmissionOutcome | Busy) -> None:
            loop.call_soon_threadsafe(settle, outcome)

        try:
            self.committer.submit(Submission(key, lines, refused, done, sum(map(len, lines)), is_made))
            async with asyncio.timeout(OUTCOME_S):
                outcome = await future
        except TimeoutError:
            outcome = Busy("the log has not answered; sending the same events again is harmless")
        except Busy as busy:
            outcome = busy
        if isinstance(outcome, Busy):
            raise Problem("busy", str(outcome), retry_s=outcome.retry_s)
        return outcome


def _passed_over(item: Item) -> str:
    """Return why an item is counted as passed over, as a whole or for its amount; "" where it is not."""
    return item.passed_over or ("amount" if item.left_out else "")


def _trace(request: Request, item: Item) -> bytes:
    """Return what a dead letter keeps of an item that is no event: where it stood.

    Other protocols name people in fields that we do not know, so nothing of the item itself is kept.
    """
    return to_json({"path": request.path, "pointer": item.pointer})


def _unpacked(request: Request) -> Request:
    """Return the request with its body decompressed."""
    return replace(request, body=decompressed(request.body, request.headers.get("content-encoding", "")))


def _replied(answer: tuple[int, bytes, str]) -> Response:
    status, body, content_type = answer
    return Response(body, status, media_type=content_type)


def _answer(results: Sequence[Result], adapter: Adapter | None) -> Response:
    """Return 202 if the log has any event of it, in the words that the adapter's clients know."""
    if adapter is not None and (theirs := adapter.answer(rendered(results))) is not None:
        return _replied(theirs)
    if results and all(each.status is Status.REJECTED for each in results):
        forbidden = all(each.reason == "not_granted" for each in results)
        problem = Problem(
            "not_granted" if forbidden else "no_event",
            "every item was rejected, see items",
            accepted=0,
            duplicates=0,
            rejected=len(results),
            items=rendered(results),
        )
        return Response(problem.body, int(problem.status), dict(problem.headers))
    return Response(body_of(results), 202, media_type=_JSON)
