"""Trains the toy in processes that can be killed: a server that has imported everything and forks for each job.

Reads one job a line from standard input as JSON and answers with one line. A job:
  {"model_dir", "records", "options": {of make_trainer}, "strategy", "logical_cpus": 0 | 2, "width", "file_size_limit": bytes,
   "kill_after": seconds from the start of the training, or from its first report with "kill_after_first_report", "signal": 9}
The answer: {"code": exit code, "message", "hash" of all saved values, "losses", "evaluations", "final_step",
             "already_finished", "seconds"}.
"""

import hashlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback

import tensorflow as tf
from toy_task import evaluator, make_plan, make_trainer, open_records

from bert_tf2.errors import JobError, UserError
from bert_tf2.training.distribution import create_strategy


def train(job, started):
    """In the child: trains and returns what the parent answers."""
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(7)
    name = job.get("strategy", "off")
    strategy = create_strategy(name, num_gpus=0, num_logical_cpus=job.get("logical_cpus", 0))
    records = open_records(job["records"])
    trainer, model = make_trainer(job["model_dir"], strategy, width=job.get("width", 8), **job["options"])
    if "file_size_limit" in job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_size_limit"],) * 2)
    os.write(started, b"!")
    evaluate = evaluator(records, strategy) if job["options"].get("eval_every_steps") else None
    result = trainer.train(records, make_plan(records), evaluate)
    digest = hashlib.sha256()
    for variable in [*model.variables, *trainer._optimizer.variables()]:
        digest.update(variable.numpy().tobytes())
    losses = [(entry["step"], entry["loss"]) for entry in result.history if entry["kind"] == "train"]
    evaluations = [entry for entry in result.history if entry["kind"] == "eval"]
    return {
        "hash": digest.hexdigest(),
        "losses": losses,
        "evaluations": evaluations,
        "final_step": result.final_step,
        "already_finished": result.already_finished,
    }


def child(job, started, answer_path):
    answer, code = {}, 0
    try:
        answer = train(job, started)
    except (UserError, JobError) as error:
        answer, code = {"message": str(error)}, error.exit_code
    except BaseException:
        answer, code = {"message": traceback.format_exc()}, 99
    with open(answer_path, "w") as file:
        json.dump(answer, file)
    os._exit(code)


def run(job):
    """In the parent: forks, perhaps kills, and waits."""
    answer_path = tempfile.mktemp()
    reading, writing = os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        child(job, writing, answer_path)
    os.close(writing)
    killed_at = None
    if os.read(reading, 1) and "kill_after" in job:
        if job.get("kill_after_first_report"):
            history = os.path.join(job["model_dir"], "training_history.jsonl")
            start = time.time()
            while not (os.path.exists(history) and os.path.getmtime(history) > start) and time.time() < start + 120:
                time.sleep(0.05)
        time.sleep(job["kill_after"])
        killed_at = time.monotonic()
        os.kill(pid, job.get("signal", signal.SIGKILL))
    os.close(reading)
    status = os.waitpid(pid, 0)[1]
    answer = {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - (killed_at or began)}
    if os.path.exists(answer_path):
        with open(answer_path) as file:
            text = file.read()
        os.remove(answer_path)
        answer.update(json.loads(text) if text else {})
    return answer


if __name__ == "__main__":
    for line in sys.stdin:
        print("ANSWER " + json.dumps(run(json.loads(line))), flush=True)
