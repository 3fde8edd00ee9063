"""A process that runs job after job, as a search or a notebook does, keeps nothing of those that are done."""

import gc

from squad_workplace import SquadWorkplace


def test_no_graph_of_a_training_is_left(tmp_path, tiny_vocab_file, tiny_config_dict):
    place = SquadWorkplace(tmp_path, tiny_vocab_file, tiny_config_dict)
    assert place.prepare() == 0
    assert place.run("--mode=train_and_eval", "--num_train_epochs=1") == 0
    gc.collect()
    steps = [one.name for one in gc.get_objects() if type(one).__name__ == "FuncGraph" and one.name in ("_one", "_many")]
    assert steps == []
