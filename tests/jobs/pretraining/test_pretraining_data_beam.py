"""The same shards under Apache Beam, on runners that need nothing from the network."""

import pretraining_material as material
import pytest

beam = pytest.importorskip("apache_beam", reason="needs the extra beam: pip install 'bert_tf2[beam]'")

RUNNERS = {
    "local": "",
    "BundleBasedDirectRunner": "",
    "FnApiRunner": "--direct_running_mode=multi_processing --direct_num_workers=2",
    "PortableRunner": "--job_endpoint=embed --environment_type=LOOPBACK",
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_beam_makes_the_bytes_of_local_workers(tmp_path, tiny_vocab_file, runner):
    text = material.write_text(tmp_path / "text.txt")
    assert material.run(material.arguments(text, tiny_vocab_file, tmp_path / "local", num_workers=1)) == 0
    flags = {"runner": runner, "pipeline_options": RUNNERS[runner] or None}
    done = material.start(material.arguments(text, tiny_vocab_file, tmp_path / "beam", **flags))
    _, errors = done.communicate()
    assert done.returncode == 0, errors
    assert material.contents(tmp_path / "beam") == material.contents(tmp_path / "local")


def test_a_runner_that_is_not_known_is_one_line(tmp_path, tiny_vocab_file):
    text = material.write_text(tmp_path / "text.txt")
    done = material.start(material.arguments(text, tiny_vocab_file, tmp_path / "beam", runner="NoSuchRunner"))
    _, errors = done.communicate()
    assert done.returncode == 2
    assert errors.splitlines()[-1].startswith("ERROR: --runner=NoSuchRunner: ")
