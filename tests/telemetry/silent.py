"""The workers' app with a consumer that gets nothing any more, and says nothing, once a file is there: SILENT_FILE."""

import asyncio
import os
from pathlib import Path

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.app import app

__all__ = ["app"]

_FILE = Path(os.environ["SILENT_FILE"])
_getmany = AIOKafkaConsumerThread.getmany


async def _nothing(thread, active_partitions, timeout):  # noqa: ASYNC109
    if _FILE.exists():  # noqa: ASYNC240
        await asyncio.sleep(timeout)
        return {}
    return await _getmany(thread, active_partitions, timeout)


AIOKafkaConsumerThread.getmany = _nothing
