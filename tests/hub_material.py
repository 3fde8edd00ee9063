"""Folders as modules of TF-Hub have them: of the model garden's exporters, of TF1, and a bare one that is made in no time."""

import pathlib
import warnings
from unittest import mock

import numpy as np
import tensorflow as tf
import tf_keras

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "type_vocab_size": 2}
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
POSITIONS = 24


def randomize(model) -> None:
    """Gives every variable, biases too, values of its own."""
    rng = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(rng.normal(0.0, 0.3, variable.shape))


def inputs() -> dict[str, tf.Tensor]:
    """A padded batch of two pairs."""
    rng = np.random.default_rng(1)
    return {
        "input_word_ids": tf.constant(rng.integers(1, len(VOCABULARY), (2, 9)), tf.int32),
        "input_mask": tf.constant([[1] * 9, [1] * 5 + [0] * 4], tf.int32),
        "input_type_ids": tf.constant([[0] * 4 + [1] * 5, [0] * 3 + [1] * 6], tf.int32),
    }


def garden_bert_module(directory: pathlib.Path, form: int, lower_case: bool) -> str:
    """What the garden's exporters write: form 1 takes and gives lists (also 2), 3 dictionaries, 4 has the masked LM besides."""
    from official.legacy.bert import configs
    from official.nlp.tools import export_tfhub_lib

    # Flags of another script of the garden may have the same names.
    with mock.patch.multiple("absl.flags", DEFINE_string=mock.DEFAULT, DEFINE_bool=mock.DEFAULT, DEFINE_enum=mock.DEFAULT):
        from official.legacy.bert import export_tfhub

    config = configs.BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=POSITIONS, **SIZES)
    folder, checkpoint = str(directory / "module"), str(directory / "checkpoint")
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    with warnings.catch_warnings():
        # The garden's own: an encoder has no input for the masked positions.
        warnings.simplefilter("ignore", UserWarning)
        if form == 1:
            _, encoder = export_tfhub.create_bert_model(config)
            randomize(encoder)
            path = tf.train.Checkpoint(model=encoder, encoder=encoder).save(checkpoint)
            export_tfhub.export_bert_tfhub(config, path, folder, str(directory / "vocab.txt"), lower_case)
            return folder
        _, model = export_tfhub_lib._create_model(bert_config=config, with_mlm=form == 4)
        randomize(model)
        items = model.checkpoint_items if form == 4 else {"model": model, "encoder": model}
        path = tf.train.Checkpoint(**items).save(checkpoint)
        export_tfhub_lib.export_model(
            folder,
            bert_config=config,
            model_checkpoint_path=path,
            with_mlm=form == 4,
            vocab_file=str(directory / "vocab.txt"),
            do_lower_case=lower_case,
        )
    return folder


def garden_albert_module(directory: pathlib.Path) -> str:
    """An ALBERT of three layers from the garden's exporter, with an asset that has but the name of a SentencePiece model."""
    from official.nlp.configs import encoders
    from official.nlp.tools import export_tfhub_lib

    sizes = SIZES | {"num_layers": 3, "embedding_width": 8}
    del sizes["num_hidden_layers"]
    albert = encoders.AlbertEncoderConfig(vocab_size=len(VOCABULARY), max_position_embeddings=POSITIONS, **sizes)
    config = encoders.EncoderConfig(type="albert", albert=albert)
    encoder = encoders.build_encoder(config)
    randomize(encoder)
    path = tf.train.Checkpoint(encoder=encoder, model=encoder).save(str(directory / "checkpoint"))
    (directory / "30k-clean.model").write_text("no model")
    export_tfhub_lib.export_model(
        str(directory / "module"),
        encoder_config=config,
        model_checkpoint_path=path,
        with_mlm=False,
        sp_model_file=str(directory / "30k-clean.model"),
    )
    return str(directory / "module")


def tf1_module(folder: pathlib.Path, arrays: dict[str, np.ndarray], lower_case: bool, vocabulary: list[str] = VOCABULARY) -> str:
    """A SavedModel with variables by TF1 names, and `tokenization_info` as the signature of Google's modules has it."""
    vocab_file = folder.parent / "vocab.txt"
    vocab_file.write_text("\n".join(vocabulary) + "\n")
    compat = tf.compat.v1
    with tf.Graph().as_default(), compat.Session() as session:
        for name, array in arrays.items():
            compat.get_variable(f"module/{name}", initializer=tf.constant(array), use_resource=False)
        asset = tf.constant(str(vocab_file), name="asset")
        compat.add_to_collection(compat.GraphKeys.ASSET_FILEPATHS, asset)
        outputs = {"vocab_file": asset, "do_lower_case": tf.identity(tf.constant(lower_case))}
        infos = {name: compat.saved_model.build_tensor_info(tensor) for name, tensor in outputs.items()}
        signature = compat.saved_model.build_signature_def(outputs=infos)
        session.run(compat.global_variables_initializer())
        builder = compat.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, [], {"tokenization_info": signature}, assets_collection=compat.get_collection("asset_filepaths")
        )
        builder.save()
    return str(folder)


def bare_module(folder: pathlib.Path, encoder: tf_keras.Model, assets: dict[str, bytes], lower_case: bool | None) -> str:
    """A module without a program: what of it is ever read."""
    root = tf.train.Checkpoint(encoder=encoder)
    if lower_case is not None:
        root.do_lower_case = tf.Variable(lower_case, trainable=False)
    root.write(str(folder / "variables" / "variables"))
    (folder / "saved_model.pb").write_bytes(b"")
    (folder / "assets").mkdir()
    for name, content in assets.items():
        (folder / "assets" / name).write_bytes(content)
    return str(folder)
