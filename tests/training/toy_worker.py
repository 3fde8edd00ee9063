"""One worker of a toy training on several: `toy_worker.py <json>`; prints the losses and a hash of the weights."""

import hashlib
import json
import sys

from toy_task import evaluator, make_plan, make_trainer, open_records

from bert_tf2.errors import JobError, UserError
from bert_tf2.training.distribution import create_strategy


def main(job):
    strategy = create_strategy("multi_worker_mirrored", worker_hosts=job["hosts"], task_index=job["index"])
    records = open_records(job["records"])
    trainer, model = make_trainer(job["model_dir"], strategy, **job["options"])
    result = trainer.train(records, make_plan(records), evaluator(records, strategy))
    digest = hashlib.sha256(b"".join(variable.numpy().tobytes() for variable in model.variables)).hexdigest()
    losses = [entry["loss"] for entry in result.history if entry["kind"] == "train"]
    evaluations = [entry["accuracy"] for entry in result.history if entry["kind"] == "eval"]
    print("ANSWER " + json.dumps({"hash": digest, "losses": losses, "evaluations": evaluations}), flush=True)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except (UserError, JobError) as error:
        print("ERROR " + str(error), flush=True)
        sys.exit(error.exit_code)
