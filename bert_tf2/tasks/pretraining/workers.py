"""Processes that make shards side by side.

A worker is a fresh Python that gets the job and then one shard after the other as lines of JSON, and answers each with a line.
Nothing is forked and nothing is pickled, so it does not matter what the calling process has loaded. A worker whose parent is
gone ends at once.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Sequence

from bert_tf2 import ROOT
from bert_tf2.errors import JobError, UserError
from bert_tf2.tasks.pretraining.shards import Shard, ShardJob, ShardMaker, ShardResult, remove_unfinished

_PROGRAM = "from bert_tf2.tasks.pretraining.workers import serve; serve()"


def make_shards(job: ShardJob, shards: Sequence[Shard], num_workers: int) -> Generator[tuple[Shard, ShardResult], None, None]:
    """Makes the shards and yields them with their results as they are finished.

    Args:
      job: what the shards have in common.
      shards: what to make.
      num_workers: how many processes work; 1 works in this one.

    Raises:
      UserError: the text cannot be used.
      JobError: writing failed, or a worker died. Shards that were finished stay.
    """
    if min(num_workers, len(shards)) <= 1:
        maker = None
        for shard in shards:
            maker = maker or ShardMaker(job)
            yield shard, maker(shard)
        return
    workers = [_Worker(job) for _ in range(min(num_workers, len(shards)))]
    waiting: queue.SimpleQueue[Shard] = queue.SimpleQueue()
    for shard in shards:
        waiting.put(shard)
    answers: queue.SimpleQueue[tuple[Shard, ShardResult] | BaseException] = queue.SimpleQueue()
    threads = [threading.Thread(target=_keep_busy, args=(worker, waiting, answers), daemon=True) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for _ in shards:
            answer = answers.get()
            if isinstance(answer, BaseException):
                raise answer
            yield answer
    finally:
        for worker in workers:
            worker.end()
        for thread in threads:
            thread.join()
        remove_unfinished([shard.path for shard in shards])


def _keep_busy(worker: "_Worker", waiting: "queue.SimpleQueue[Shard]", answers: "queue.SimpleQueue") -> None:
    """Gives a worker shards until there are none left or one fails."""
    try:
        while True:
            shard = waiting.get_nowait()
            answers.put((shard, worker.make(shard)))
    except queue.Empty:
        pass
    except BaseException as error:
        answers.put(error)


class _Worker:
    """A process that makes shards."""

    def __init__(self, job: ShardJob):
        # Side by side every process has one thread; linear algebra is not used.
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._jobs, self._answers = self._process.stdin, self._process.stdout
        self._send(job.to_json())

    def make(self, shard: Shard) -> ShardResult:
        """Has the worker make a shard.

        Raises:
          UserError, JobError: what the worker raised, or it died.
        """
        self._send(shard.to_json())
        line = self._answers.readline()
        if not line:
            code = self._process.wait()
            why = f"was killed by signal {-code} (out of memory?)" if code < 0 else f"ended with exit code {code}"
            raise JobError(f"the worker that made {shard.path} {why}")
        answer = json.loads(line)
        if "error" in answer:
            raise {"UserError": UserError, "JobError": JobError}[answer["error"]](answer["message"])
        return ShardResult.from_json(answer)

    def end(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._jobs, self._answers):
            with contextlib.suppress(OSError):
                pipe.close()

    def _send(self, value: dict) -> None:
        # A worker that died is noticed when its answer is read.
        with contextlib.suppress(BrokenPipeError):
            self._jobs.write(json.dumps(value) + "\n")
            self._jobs.flush()


def serve() -> None:
    """What a worker does: answers every line of standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_until_the_end, args=(lines,), daemon=True).start()
    job = ShardJob.from_json(json.loads(lines.get()))
    maker = None
    while True:
        shard = Shard.from_json(json.loads(lines.get()))
        try:
            maker = maker or ShardMaker(job)
            answer = maker(shard).to_json()
        except (UserError, JobError) as error:
            kind = "UserError" if isinstance(error, UserError) else "JobError"
            answer = {"error": kind, "message": str(error)}
        print(json.dumps(answer), flush=True)


def _read_until_the_end(lines: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    # The parent has ended: nobody waits for the shard any more.
    os._exit(1)
