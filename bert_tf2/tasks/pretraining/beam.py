"""The shards of pre-training records under Apache Beam: the function that local workers call, on a runner's workers.

Which text is in a shard and all that is random in it is decided by its number, so a shard has the same bytes whoever makes it.
Every worker has to reach the text, the vocabulary and the output under the same paths.
"""

import functools
import json
from collections.abc import Generator, Sequence
from typing import Any

from bert_tf2.errors import JobError, UserError
from bert_tf2.tasks.pretraining.shards import Shard, ShardJob, ShardMaker, ShardResult, finished_shard

# Runners of Beam that need nothing from the network. `DirectRunner` fetches a program from GitHub.
LOCAL_RUNNER = "BundleBasedDirectRunner"


def require_beam() -> Any:
    """The package.

    Raises:
      UserError: it is not installed.
    """
    try:
        import apache_beam
    except ModuleNotFoundError:
        raise UserError("--runner needs Apache Beam: pip install 'bert_tf2[beam]'") from None
    return apache_beam


def make_shards_with_beam(
    job: ShardJob, shards: Sequence[Shard], runner: str, pipeline_options: Sequence[str]
) -> Generator[tuple[Shard, ShardResult], None, None]:
    """Makes the shards in one pipeline and yields them with their results.

    Args:
      job: what the shards have in common.
      shards: what to make.
      runner: the name of a Beam runner.
      pipeline_options: further options of the pipeline, as `--direct_num_workers=2`.

    Raises:
      UserError: the runner or an option is not known, or Beam is not installed.
      JobError: the pipeline failed. Shards that were finished stay.
    """
    beam = require_beam()
    from apache_beam.options.pipeline_options import PipelineOptions

    described = json.dumps(job.to_json())
    try:
        options = PipelineOptions([*pipeline_options, f"--runner={runner}"])
        with beam.Pipeline(options=options) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create([json.dumps(shard.to_json()) for shard in shards])
                | "OneEach" >> beam.Reshuffle()
                | "MakeShard" >> beam.Map(make_described_shard, described)
            )
    except ValueError as error:
        raise UserError(f"--runner={runner}: {_first_line(error)}") from None
    except Exception as error:
        raise JobError(f"the Beam pipeline failed: {_first_line(error)}") from error
    for shard in shards:
        result = finished_shard(shard, job.run)
        if result is None:
            raise JobError(f"the Beam pipeline ended, but {shard.path} is not there; can this machine reach the runner's files?")
        yield shard, result


def make_described_shard(shard: str, job: str) -> int:
    """Makes a shard from its and the job's description in JSON; returns its number of records."""
    return _maker(job)(Shard.from_json(json.loads(shard))).instances.records


@functools.lru_cache(1)
def _maker(job: str) -> ShardMaker:
    """One for all shards that a process makes: it holds the tokenizer."""
    return ShardMaker(ShardJob.from_json(json.loads(job)))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
