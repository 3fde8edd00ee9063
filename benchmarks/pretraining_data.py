"""Compares the making of pre-training records with the model garden's `create_pretraining_data`, in turn in one go.

    python benchmarks/pretraining_data.py --input_file='path/to/books/*.txt' --vocab_file=path/to/vocab.txt

Every turn is a process of its own, whose peak memory is that of all its processes together. The garden's time is that of
reading, making and writing its instances, without the start of the process; the time of ours is that of the whole call, with the
workers' start, scanning, checks, digests, flushes to the disk and metadata. The text is repeated `--scales` times, and the
garden's passes are left out from `--garden_until` on. Ratios are of medians, of instances per second. `CPU s` is the processor
time of all processes of a side from their start, imports included: on a machine that does other things it says more than the time
that passed.
"""

import argparse
import glob
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Runs in a process of its own: the arguments are the input files, the vocabulary, the output and the settings in JSON.
_GARDEN = """
import json, os, random, sys, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
from official.nlp.data import create_pretraining_data as garden
from official.nlp.tools import tokenization
job = json.loads(sys.argv[1])
tokenizer = tokenization.FullTokenizer(vocab_file=job["vocab_file"], do_lower_case=True)
start = time.perf_counter()
instances = garden.create_training_instances(
    job["inputs"], tokenizer, garden.get_processor_text_fn(False, True), job["max_seq_length"], job["dupe_factor"], 0.1, 0.15,
    20, random.Random(12345), job["whole_words"], None)
garden.write_instance_to_example_files(
    instances, tokenizer, job["max_seq_length"], 20, [job["output"] + "/garden.tfrecord"], False, False)
seconds = time.perf_counter() - start
lengths = [len(instance.tokens) for instance in instances]
print("RESULT " + json.dumps({
    "seconds": seconds, "instances": len(instances), "mean_tokens": sum(lengths) / len(lengths),
    "labelled": sum(instance.is_random_next for instance in instances) / len(instances),
    "masked": sum(len(i.masked_lm_labels) for i in instances) / sum(length - 3 for length in lengths)}))
"""

_OURS = """
import json, sys, time
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data
job = json.loads(sys.argv[1])
start = time.perf_counter()
prepared = create_pretraining_data(PretrainingDataOptions(
    input_file=",".join(job["inputs"]), vocab_file=job["vocab_file"], output_file=job["output"] + "/ours-*.tfrecord",
    max_seq_length=job["max_seq_length"], dupe_factor=job["dupe_factor"], num_workers=job["workers"],
    do_whole_word_mask=job["whole_words"]))
seconds = time.perf_counter() - start
print("RESULT " + json.dumps({
    "seconds": seconds, "instances": prepared.instances.records, "mean_tokens": prepared.settings.mean_tokens,
    "labelled": prepared.settings.next_sentence_fraction, "masked": prepared.settings.masked_fraction}))
"""


def tree_of(process: int) -> list[int]:
    """A process and its descendants."""
    found = [process]
    for parent in found:
        for path in glob.glob(f"/proc/{parent}/task/*/children"):
            try:
                found += map(int, pathlib.Path(path).read_text(encoding="ascii").split())
            except OSError:
                continue
    return found


def resident_bytes(processes: list[int]) -> int:
    """Memory of processes; pages that several share are counted for each."""
    total = 0
    for process in processes:
        try:
            total += int(pathlib.Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE")


def processor_seconds() -> float:
    """What all processes that were started and have ended worked, those that they started included."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(program: str, job: dict) -> dict:
    """Runs a side in a process of its own; its result with the peak memory of all its processes in MB.

    Raises:
      SystemExit: it failed.
    """
    shutil.rmtree(job["output"], ignore_errors=True)
    os.makedirs(job["output"])
    environment, worked = os.environ | {"PYTHONPATH": str(ROOT)}, processor_seconds()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", program, json.dumps(job)], stdout=output, stderr=errors, env=environment
        )
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident_bytes(tree_of(process.pid)))
            time.sleep(0.02)
        for file in (output, errors):
            file.seek(0)
        results = [line for line in output.read().splitlines() if line.startswith("RESULT ")]
        if process.returncode or not results:
            raise SystemExit(f"a side failed: {errors.read()[-1000:]}")
    size = sum(path.stat().st_size for path in pathlib.Path(job["output"]).iterdir())
    shutil.rmtree(job["output"])
    return json.loads(results[-1].removeprefix("RESULT ")) | {
        "peak_mb": peak / 1e6,
        "output_mb": size / 1e6,
        "worked": processor_seconds() - worked,
    }


def repeated(inputs: list[str], times: int, directory: str) -> list[str]:
    """Files that hold the text so many times."""
    if times == 1:
        return inputs
    path = os.path.join(directory, f"text-{times}x.txt")
    if not os.path.exists(path):
        with open(path, "wb") as out:
            for _ in range(times):
                for name in inputs:
                    out.write(pathlib.Path(name).read_bytes() + b"\n\n")
    return [path]


def measure(scale: int, sides: dict[str, tuple[str, dict]], job: dict, rounds: int) -> None:
    """Runs the sides in turn and prints a line for each."""
    results: dict[str, list[dict]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, (program, settings) in sides.items():
            results[side].append(run(program, job | settings))
    rates = {
        side: statistics.median(result["instances"] / result["seconds"] for result in found) for side, found in results.items()
    }
    for side, found in results.items():
        last, ratio = found[-1], f"{rates[side] / rates['garden']:.1f}" if "garden" in rates else ""
        seconds, worked = (statistics.median(result[name] for result in found) for name in ("seconds", "worked"))
        peak = max(result["peak_mb"] for result in found)
        print(
            f"{scale:>4}x {side:18}{last['instances']:>10,}{seconds:>9.2f}{rates[side]:>11,.0f}{ratio:>7}{worked:>8.1f}"
            f"{peak:>9.0f}{last['output_mb']:>9.0f}{last['mean_tokens']:>8.2f}{last['labelled']:>8.4f}{last['masked']:>8.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = ROOT.parent / "shared" / "data"
    parser.add_argument("--input_file", default=str(data / "corpus" / "[0-9]*.txt"), help="files and globs, comma-separated")
    parser.add_argument("--vocab_file", default=str(data / "vocab" / "uncased.txt"))
    parser.add_argument("--scales", default="1,4,16", help="how often the text is repeated")
    parser.add_argument("--garden_until", type=int, default=1, help="the largest scale at which the garden has a turn")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max_seq_length", type=int, default=128)
    parser.add_argument("--dupe_factor", type=int, default=5)
    parser.add_argument("--whole_words", action="store_true")
    parser.add_argument("--directory", default=None, help="where text and records go; a temporary one by default")
    arguments = parser.parse_args()
    inputs = [path for pattern in arguments.input_file.split(",") for path in sorted(glob.glob(pattern))]
    if not inputs or not os.path.isfile(arguments.vocab_file):
        raise SystemExit("no text or no vocabulary: give --input_file and --vocab_file")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; medians of {arguments.rounds} rounds")
    columns = f"{'instances':>10}{'s':>9}{'inst./s':>11}{'ratio':>7}{'CPU s':>8}{'peak MB':>9}{'out MB':>9}"
    print(f"{'':5} {'':18}{columns}{'tokens':>8}{'label 1':>8}{'masked':>8}")
    job = {name: getattr(arguments, name) for name in ("vocab_file", "max_seq_length", "dupe_factor", "whole_words")}
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        for scale in map(int, arguments.scales.split(",")):
            sides: dict[str, tuple[str, dict]] = {"garden": (_GARDEN, {})} if scale <= arguments.garden_until else {}
            for workers in map(int, arguments.workers.split(",")):
                sides[f"ours, {workers} worker{'s' if workers > 1 else ''}"] = (_OURS, {"workers": workers})
            text = {"inputs": repeated(inputs, scale, directory), "output": os.path.join(directory, "records")}
            measure(scale, sides, job | text, arguments.rounds)


if __name__ == "__main__":
    main()
