"""What the collector is compared with: an endpoint on the same server that parses the JSON and forgets it."""

import json
import socket

import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/v1/events", status_code=202)
async def publish(request: Request) -> dict[str, int]:
    return {"accepted": len(json.loads(await request.body()))}


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", access_log=False, log_level="error", ws="none"
    )
    uvicorn.Server(config).run(sockets=[listener])
