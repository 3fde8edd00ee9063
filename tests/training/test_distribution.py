"""Strategies: hardware that is not there and clusters that are wrong are said in one line."""

import json
import logging

import pytest
import tensorflow as tf

from bert_tf2.errors import UserError
from bert_tf2.training.distribution import create_strategy, is_chief, is_multi_worker, on_gpus

pytestmark = pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="asks for GPUs that are not there")


def test_one_device_and_off(caplog):
    assert create_strategy("off", num_gpus=0) is tf.distribute.get_strategy()
    assert isinstance(create_strategy("ONE_DEVICE", num_gpus=0), tf.distribute.OneDeviceStrategy)
    with caplog.at_level(logging.INFO):
        strategy = create_strategy("mirrored", num_gpus=1)
    assert all(record.levelno < logging.WARNING for record in caplog.records)
    assert strategy.num_replicas_in_sync == 1
    assert "no GPU was found: using the CPU" in caplog.text
    assert is_chief(strategy)
    assert not is_multi_worker(strategy)
    for name in ("off", "one_device", "mirrored"):
        assert not on_gpus(create_strategy(name, num_gpus=0))
    assert create_strategy("mirrored", num_gpus=-1).num_replicas_in_sync == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "mirored"}, r"mirored is unknown. Did you mean 'mirrored'\?"),
        ({"name": "parameter_server"}, "parameter_server is refused: asynchronous"),
        ({"num_gpus": 2}, "--num_gpus=2: found 0 GPUs"),
        ({"num_gpus": -2}, "must be -1"),
        ({"all_reduce_alg": "ring", "num_gpus": 0}, "mirrored knows nccl, hierarchical_copy"),
        ({"all_reduce_alg": "nccl", "num_gpus": 0}, "at least two devices; there is 1"),
        ({"name": "tpu", "tpu": "mine", "model_dir": "/tmp/run"}, "a Cloud TPU cannot write to a local directory"),
        ({"name": "multi_worker_mirrored"}, "needs --worker_hosts and --task_index, or TF_CONFIG"),
        ({"name": "multi_worker_mirrored", "worker_hosts": "a:1,b:1", "task_index": 2}, "--task_index=2: must be from 0 to 1"),
    ],
)
def test_refusals(arguments, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match=message):
        create_strategy(**arguments)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{nonsense", "TF_CONFIG is not valid JSON"),
        ("[]", "TF_CONFIG must look like"),
        (json.dumps({"cluster": {"worker": ["a:1"]}}), "TF_CONFIG must look like"),
        (
            json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 5}}),
            "TF_CONFIG: task index 5 of type 'worker', but the cluster has 2 of them",
        ),
    ],
)
def test_wrong_clusters(config, message, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UserError, match=message):
        create_strategy("multi_worker_mirrored")


def test_no_tpu_in_this_machine():
    with pytest.raises(UserError, match=r"^no TPU was found in this machine, .*; leave it out .*name a Cloud TPU by --tpu$"):
        create_strategy("tpu")


def test_a_tpu_that_cannot_be_reached():
    with pytest.raises(UserError, match=r"cannot reach the TPU .grpc://127\.0\.0\.1:1.: .*check its name"):
        create_strategy("tpu", tpu="grpc://127.0.0.1:1", model_dir="gs://bucket/run")
