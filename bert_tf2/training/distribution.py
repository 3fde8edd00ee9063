"""Distribution strategies by name; hardware that is not there is said, not papered over."""

import contextlib
import json
import logging
import os
import socket
import textwrap

import tensorflow as tf

from bert_tf2 import files
from bert_tf2.errors import UserError, did_you_mean
from bert_tf2.training.workers import Workers

logger = logging.getLogger(__name__)

STRATEGIES = ("off", "one_device", "mirrored", "multi_worker_mirrored", "parameter_server", "tpu")

_MIRRORED_ALGORITHMS = ("nccl", "hierarchical_copy")
_COLLECTIVE_ALGORITHMS = ("ring", "nccl")
_TPU_PORT = 8470
WORKER_TIMEOUT = 600.0
"""Seconds that workers wait for each other: machines of a cluster do not start at once."""


def create_strategy(
    name: str = "mirrored",
    *,
    num_gpus: int = 1,
    num_logical_cpus: int = 0,
    all_reduce_alg: str | None = None,
    worker_hosts: str | None = None,
    task_index: int = -1,
    tpu: str | None = None,
    tpu_zone: str | None = None,
    gcp_project: str | None = None,
    model_dir: str | None = None,
    worker_timeout: float = WORKER_TIMEOUT,
) -> tf.distribute.Strategy:
    """Creates a strategy.

    Args:
      name: one of `STRATEGIES`, in any case.
      num_gpus: GPUs of this worker; -1 for all there are; 0 for the CPU. 1 without a GPU trains on the CPU and says so.
      num_logical_cpus: 2 or more divide the CPU into as many devices, to try `mirrored` without GPUs.
      all_reduce_alg: `nccl` or `hierarchical_copy` for mirrored, `ring` or `nccl` for multi_worker_mirrored.
      worker_hosts: `host:port,host:port` of all workers, instead of TF_CONFIG.
      task_index: which of them this one is.
      tpu: name or address of the TPU; `local` or empty for the one attached.
      tpu_zone: zone of the TPU, when it is not this machine's.
      gcp_project: Google Cloud project of the TPU, when it is not this machine's.
      model_dir: a TPU writes there from its own host, so it must not be local.
      worker_timeout: seconds to wait for the other workers.

    Raises:
      UserError: an unknown name, hardware that is not there, or a cluster description that is wrong.
      JobError: another worker did not come in time.
    """
    name = name.lower()
    if name not in STRATEGIES:
        raise UserError(
            f"--distribution_strategy={name} is unknown.{did_you_mean(name, STRATEGIES)} Known: {', '.join(STRATEGIES)}"
        )
    if name == "parameter_server":
        raise UserError(
            "--distribution_strategy=parameter_server is refused: asynchronous updates cannot be resumed exactly; "
            "use multi_worker_mirrored"
        )
    if name == "tpu":
        return _tpu_strategy(tpu, tpu_zone, gcp_project, model_dir)
    if name == "multi_worker_mirrored":
        # Before any device is looked at: a multi-worker strategy must be the first thing that TensorFlow sees.
        return _multi_worker_strategy(worker_hosts, task_index, all_reduce_alg, worker_timeout)
    devices = _devices(num_gpus, num_logical_cpus)
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(devices, cross_device_ops=_cross_device_ops(all_reduce_alg, len(devices)))
    if len(devices) > 1:
        raise UserError(f"--distribution_strategy={name} trains on one device, not on {len(devices)}; use mirrored")
    return tf.distribute.get_strategy() if name == "off" else tf.distribute.OneDeviceStrategy(devices[0])


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the checkpoints, summaries and reports."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker" and resolver.task_id == 0 and not _has_chief(resolver)
    )


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together, each with this same program."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    cluster = strategy.cluster_resolver.cluster_spec().as_dict()
    return max(1, len(cluster.get("chief", ())) + len(cluster.get("worker", ())))


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Whether several processes train together."""
    return num_workers(strategy) > 1


def describe(strategy: tf.distribute.Strategy) -> str:
    """One phrase for logs and reports."""
    return f"{type(strategy).__name__.lstrip('_')}, {strategy.num_replicas_in_sync} replica(s)"


def on_gpus(strategy: tf.distribute.Strategy) -> bool:
    """Whether the model lives on GPUs."""
    if strategy is tf.distribute.get_strategy() and not tf.distribute.has_strategy():
        # Without a strategy TensorFlow takes a GPU where it sees one.
        return bool(tf.config.list_logical_devices("GPU"))
    return any("GPU" in device for device in strategy.extended.worker_devices)


def _has_chief(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> bool:
    return "chief" in resolver.cluster_spec().jobs


def _devices(num_gpus: int, num_logical_cpus: int) -> list[str]:
    if num_gpus < -1:
        raise UserError(f"--num_gpus must be -1 (all), 0 (CPU) or a number of GPUs; got {num_gpus}")
    gpus = tf.config.list_physical_devices("GPU")
    if num_logical_cpus > 1:
        return _logical_cpus(num_logical_cpus)
    wanted = len(gpus) if num_gpus == -1 else num_gpus
    if wanted > len(gpus):
        if wanted > 1:
            raise UserError(f"--num_gpus={num_gpus}: found {len(gpus)} GPUs; use --num_gpus={len(gpus)}, or -1 for all there are")
        logger.info("no GPU was found: using the CPU")
        wanted = 0
    return [f"GPU:{index}" for index in range(wanted)] or ["CPU:0"]


def _logical_cpus(number: int) -> list[str]:
    cpu = tf.config.list_physical_devices("CPU")[0]
    # TensorFlow that is in use already keeps the devices it has; they may be enough.
    with contextlib.suppress(RuntimeError):
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    present = tf.config.list_logical_devices("CPU")
    if len(present) < number:
        raise UserError(f"--num_logical_cpus={number} must be set before TensorFlow is used; it has {len(present)}")
    return [f"CPU:{index}" for index in range(number)]


def _cross_device_ops(algorithm: str | None, devices: int) -> tf.distribute.CrossDeviceOps | None:
    if algorithm is None:
        return None
    if algorithm not in _MIRRORED_ALGORITHMS:
        raise UserError(f"--all_reduce_alg={algorithm}: mirrored knows {', '.join(_MIRRORED_ALGORITHMS)}")
    if devices < 2:
        raise UserError(f"--all_reduce_alg={algorithm} needs at least two devices; there is {devices}")
    return tf.distribute.NcclAllReduce() if algorithm == "nccl" else tf.distribute.HierarchicalCopyAllReduce()


def _multi_worker_strategy(
    worker_hosts: str | None, task_index: int, algorithm: str | None, timeout: float
) -> tf.distribute.Strategy:
    if worker_hosts:
        hosts = [host.strip() for host in worker_hosts.split(",") if host.strip()]
        if not 0 <= task_index < len(hosts):
            raise UserError(f"--task_index={task_index}: must be from 0 to {len(hosts) - 1}, one for each of --worker_hosts")
        cluster = {"cluster": {"worker": hosts}, "task": {"type": "worker", "index": task_index}}
        os.environ["TF_CONFIG"] = json.dumps(cluster)
    _check_tf_config(os.environ.get("TF_CONFIG"))
    if algorithm is not None and algorithm not in _COLLECTIVE_ALGORITHMS:
        raise UserError(f"--all_reduce_alg={algorithm}: multi_worker_mirrored knows {', '.join(_COLLECTIVE_ALGORITHMS)}")
    logger.warning("workers listen on ports without authentication and run what they are sent: keep them on a closed network")
    implementation = tf.distribute.experimental.CommunicationImplementation[(algorithm or "auto").upper()]
    options = tf.distribute.experimental.CommunicationOptions(implementation=implementation)
    workers = Workers.of_environment()
    workers.meet(timeout)
    return workers.connect(lambda: tf.distribute.MultiWorkerMirroredStrategy(communication_options=options), timeout)


def _check_tf_config(text: str | None) -> None:
    if not text:
        raise UserError("multi_worker_mirrored needs --worker_hosts and --task_index, or TF_CONFIG in the environment")
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"TF_CONFIG is not valid JSON ({error.msg} at column {error.colno}): {text[:80]}") from None
    try:
        cluster, kind, index = config["cluster"], config["task"]["type"], int(config["task"]["index"])
        hosts = cluster[kind]
    except (KeyError, TypeError, ValueError):
        example = '{"cluster": {"worker": ["host:port", "host:port"]}, "task": {"type": "worker", "index": 0}}'
        raise UserError(f"TF_CONFIG must look like {example}; got {text[:200]}") from None
    if not 0 <= index < len(hosts):
        raise UserError(f"TF_CONFIG: task index {index} of type '{kind}', but the cluster has {len(hosts)} of them")


def _tpu_strategy(tpu: str | None, zone: str | None, project: str | None, model_dir: str | None) -> tf.distribute.Strategy:
    local = tpu in (None, "", "local")
    if not local and model_dir and not files.is_remote(model_dir):
        raise UserError(f"--model_dir={model_dir}: a Cloud TPU cannot write to a local directory; use gs://bucket/directory")
    try:
        if tpu is not None and tpu.startswith("grpc://"):
            _try_connection(tpu.removeprefix("grpc://"))
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local" if local else tpu, zone=zone, project=project)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except Exception as error:  # whatever the resolver's transport raises: URLError, ValueError, NotFoundError …
        if local and isinstance(error, tf.errors.NotFoundError):
            raise UserError(
                "no TPU was found in this machine, and --use_tpu or --distribution_strategy=tpu needs one; leave it out to train "
                "on GPU or CPU, or name a Cloud TPU by --tpu"
            ) from None
        reason = textwrap.shorten(str(error).strip() or type(error).__name__, 200, placeholder=" …")
        raise UserError(
            f"cannot reach the TPU '{tpu or 'local'}': {reason}; check its name, zone, project and credentials "
            "(gcloud auth application-default login), and that it is running"
        ) from None
    return tf.distribute.TPUStrategy(resolver)


def _try_connection(address: str) -> None:
    """TensorFlow itself waits for ever for an address at which nobody answers."""
    host, _, port = address.partition(":")
    socket.create_connection((host, int(port or _TPU_PORT)), timeout=10).close()
