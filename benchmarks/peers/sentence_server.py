"""sentence-transformers with PyTorch behind FastAPI and uvicorn: `python sentence_server.py WEIGHTS`.

It answers `POST /encode` as ours does, a request at a time: PyTorch uses all processors for each.
"""

import socket
import sys
import threading

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer


class Texts(BaseModel):
    """The body of a request."""

    texts: list[str]


def main(weights: str) -> None:
    """Serves until it is stopped."""
    model, lock, app = SentenceTransformer(weights, device="cpu"), threading.Lock(), FastAPI()
    model.max_seq_length = 128

    @app.post("/encode")
    def encode(asked: Texts) -> dict:
        with lock:
            vectors = model.encode(asked.texts, normalize_embeddings=True, show_progress_bar=False)
        return {"results": vectors.tolist(), "status": 200}

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    main(sys.argv[1])
