"""Small files under the names that the pages of documentation use, and a tiny model in `bert`."""

import json
import pathlib
import random
import string

PEOPLE, PLACES = ("ann", "bob", "eve"), ("oslo", "rome", "new york")


def write_material(directory: pathlib.Path, vocabulary: list[str], config: dict) -> None:
    """Writes all of it."""
    (directory / "bert").mkdir()
    # Of more heads and neurons than docs/pruning.md leaves.
    sizes = {"max_position_embeddings": 512, "num_attention_heads": 8, "intermediate_size": 2048}
    write_model(directory / "bert", vocabulary, config | sizes)
    (directory / "narrow").mkdir()
    narrow = {"max_position_embeddings": 512, "hidden_size": 8, "intermediate_size": 16}
    write_model(directory / "narrow", vocabulary, config | narrow)
    (directory / "albert").mkdir()
    write_albert(directory / "albert")
    write_roberta(directory / "roberta")
    (directory / "xlnet").mkdir()
    write_xlnet(directory / "xlnet")
    write_hub_module(directory / "bert_en_uncased", vocabulary, config | {"max_position_embeddings": 512})
    (directory / "vocab.txt").write_bytes((directory / "bert" / "vocab.txt").read_bytes())
    (directory / "bert_config.json").write_bytes((directory / "bert" / "bert_config.json").read_bytes())
    _write_rows(directory)
    _write_squad(directory)
    _write_sentences(directory)
    _write_choices(directory)
    _write_alike(directory)
    _write_books(directory)


def write_model(folder: pathlib.Path, vocabulary: list[str], config: dict) -> None:
    """A pre-trained encoder with its heads, a configuration and a vocabulary, as the model garden leaves them."""
    import tensorflow as tf

    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder import build_encoder
    from bert_tf2.tasks.pretraining.task import PretrainingTask

    (folder / "bert_config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    model = PretrainingTask(BertConfig.from_dict(config), next_sentence=True).build_model(
        build_encoder(BertConfig.from_dict(config), for_pretraining=True)
    )
    tf.train.Checkpoint(model=model).write(str(folder / "bert_model.ckpt"))


def write_albert(folder: pathlib.Path) -> None:
    """A pre-trained ALBERT as Google published it: a TF1 checkpoint, a configuration and a SentencePiece model."""
    import sentencepiece
    import tensorflow as tf

    from bert_tf2.models.checkpoints import open_source
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.families.base import families, read_config

    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the movie was very good", "a bad film", string.ascii_lowercase, string.digits] * 3),
        model_prefix=str(folder / "30k-clean"),
        vocab_size=80,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        minloglevel=2,
    )
    size = sentencepiece.SentencePieceProcessor(model_file=str(folder / "30k-clean.model")).get_piece_size()
    widths = {"embedding_size": 8, "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = {"vocab_size": size, "num_hidden_groups": 1, "inner_group_num": 1, "max_position_embeddings": 512, **widths}
    (folder / "albert_config.json").write_text(json.dumps(config))
    read = read_config(str(folder / "albert_config.json"))
    encoder = tf.train.Checkpoint(model=families.get("albert").build(read)).write(str(folder / "encoder" / "encoder"))
    convert(open_source(encoder), read, str(folder / "model.ckpt-best"), "tf1")


def write_roberta(folder: pathlib.Path) -> None:
    """A tiny RoBERTa as Hugging Face publishes one: its configuration, weights and byte-level BPE."""
    import tensorflow as tf
    from byte_level_material import write_byte_level_files

    from bert_tf2.models.checkpoints import open_source
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.families.base import config_of, families
    from bert_tf2.text.tokenizer import load_tokenizer

    made = folder.with_name("roberta_made")
    tokenizer = load_tokenizer(vocab_file=write_byte_level_files(made))
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2}
    places = {"max_position_embeddings": 514, "type_vocab_size": 1}
    config = config_of({"model_type": "roberta", "vocab_size": tokenizer.vocab_size, **sizes, **places})
    encoder = tf.train.Checkpoint(model=families.get("roberta").build(config)).write(str(made / "encoder"))
    convert(open_source(encoder), config, str(folder), "huggingface", tokenizer=tokenizer)


def write_xlnet(folder: pathlib.Path) -> None:
    """A pre-trained XLNet as Google published it: a TF1 checkpoint, a configuration and a SentencePiece model."""
    import sentencepiece
    import tensorflow as tf
    from xlnet_material import train_xlnet_pieces

    from bert_tf2.models.checkpoints import open_source
    from bert_tf2.models.checkpoints.convert import convert
    from bert_tf2.models.families.base import families, read_config

    lines = ["the movie was very good", "a bad film", string.ascii_lowercase, string.digits] * 3
    path = train_xlnet_pieces(folder / "spiece.model", lines, 80)
    size = sentencepiece.SentencePieceProcessor(model_file=path).get_piece_size()
    widths = {"d_head": 8, "d_inner": 32, "d_model": 16, "n_head": 2, "n_layer": 2}
    config = {"n_token": size, "ff_activation": "gelu", "untie_r": True, **widths}
    (folder / "xlnet_config.json").write_text(json.dumps(config))
    read = read_config(str(folder / "xlnet_config.json"))
    encoder = tf.train.Checkpoint(model=families.get("xlnet").build(read)).write(str(folder / "encoder" / "encoder"))
    convert(open_source(encoder), read, str(folder / "xlnet_model.ckpt"), "tf1")


def write_hub_module(folder: pathlib.Path, vocabulary: list[str], config: dict) -> None:
    """A tiny BERT as a module of TF-Hub."""
    from hub_material import bare_module

    from bert_tf2.models.config import BertConfig
    from bert_tf2.models.encoder import build_encoder

    assets = {"vocab.txt": "\n".join(vocabulary).encode()}
    bare_module(folder, build_encoder(BertConfig.from_dict(config)), assets, lower_case=True)


def write_what_the_demo_leaves(directory: pathlib.Path) -> None:
    """The texts, records and weights of `make demo`, and Google's records of a text."""
    from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
    from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
    from bert_tf2.jobs.preparation.options import FinetuningDataOptions
    from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data

    demo = directory / "demo_output"
    (demo / "text").mkdir(parents=True)
    convert_checkpoint(
        ConvertCheckpointOptions(
            checkpoint_to_convert=str(directory / "bert" / "bert_model.ckpt"),
            converted_checkpoint_path=str(demo / "weights"),
            to="huggingface",
        )
    )
    for name, rows in (("train", "train"), ("held_out", "dev")):
        (demo / "text" / f"{name}.tsv").write_bytes((directory / f"{rows}.tsv").read_bytes())
    create_finetuning_data(
        FinetuningDataOptions(
            train_file=str(demo / "text" / "train.tsv"),
            eval_file=str(demo / "text" / "held_out.tsv"),
            vocab_file=str(demo / "weights" / "vocab.txt"),
            train_data_output_path=str(demo / "records" / "train.tf_record"),
            eval_data_output_path=str(demo / "records" / "held_out.tf_record"),
            meta_data_file_path=str(demo / "records" / "meta_data.json"),
        )
    )
    create_pretraining_data(
        PretrainingDataOptions(
            input_file=str(directory / "books" / "0.txt"),
            vocab_file=str(directory / "vocab.txt"),
            output_file=str(directory / "google" / "tf_examples.tfrecord"),
            pad_to_max_length=True,
        )
    )
    (directory / "google" / "tf_examples.tfrecord").rename(directory / "tf_examples.tfrecord")


def _write_rows(directory: pathlib.Path) -> None:
    """Texts with one label, with a number and with any number of labels; pairs; MRPC's files; a task of one's own."""
    chosen = random.Random(1)
    texts = [f"the movie was {'very ' * (number % 5)}{('good', 'bad')[number % 2]} {number}" for number in range(24)]
    labels = [("positive", "negative")[number % 2] for number in range(24)]
    emotions = [",".join(chosen.sample(["joy", "love", "fear"], number % 3)) for number in range(24)]
    table = list(zip(texts, labels, emotions))
    for name, rows in (("train", table), ("dev", table[:8])):
        _write_lines(directory / f"{name}.tsv", ["text\tlabel\temotions", *("\t".join(row) for row in rows)])
        numbers = [f"{text}\t{text.count('very')}" for text, *_ in rows]
        _write_lines(directory / f"{name}_stars.tsv", ["review\tstars", *numbers])
        pairs = [f"{text}\t{text}!\t{label}" for text, label, _ in rows]
        _write_lines(directory / f"{name}_pairs.tsv", ["question\tanswer\tlabel", *pairs])
        mrpc = [f"{number % 2}\t{number}\t{number + 100}\t{text}\t{text} ." for number, (text, *_) in enumerate(rows)]
        (directory / "glue" / "MRPC").mkdir(parents=True, exist_ok=True)
        _write_lines(directory / "glue" / "MRPC" / f"{name}.tsv", ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", *mrpc])
    _write_lines(directory / "new.tsv", ["text", *texts[:5]])
    _write_lines(directory / "new.txt", texts[:5])
    _write_lines(directory / "train.txt", texts)
    alike = [f"{one}\t{other}\t{number % 4}" for number, (one, other) in enumerate(zip(texts, texts[3:]))]
    _write_lines(directory / "pairs.tsv", ["question\tother_question\talike", *alike])
    _write_lines(directory / "texts.jsonl", [json.dumps({"id": str(number), "text": "ann was in oslo"}) for number in range(3)])
    _write_lines(directory / "texts_with_masks.jsonl", [json.dumps({"text": "the [MASK] was good"})] * 3)
    shop = directory / "shop"
    shop.mkdir()
    for name in ("train", "dev", "test"):
        _write_lines(shop / f"{name}.tsv", ["game\tnew console", "fashion\tred shoes", "houseliving\ta lamp"] * 4)


def _write_squad(directory: pathlib.Path) -> None:
    paragraphs = []
    for number in range(12):
        context = f"book {number} was written by mary shelley in the year {1800 + number}."
        answers = [{"text": "mary shelley", "answer_start": context.index("mary")}]
        question = {"id": str(number), "question": "who wrote it?", "answers": answers}
        paragraphs.append({"context": context, "qas": [question]})
    for name in ("train", "dev"):
        data = [{"title": "books", "paragraphs": paragraphs if name == "train" else paragraphs[:4]}]
        (directory / f"{name}-v1.1.json").write_text(json.dumps({"version": "1.1", "data": data}))
        with_impossible = json.loads(json.dumps(data))
        for paragraph in with_impossible[0]["paragraphs"]:
            paragraph["qas"][0]["is_impossible"] = False
            no_answer = {"id": paragraph["qas"][0]["id"] + "-none", "question": "where is the lamp?", "answers": []}
            paragraph["qas"].append(no_answer | {"is_impossible": True})
        (directory / f"{name}-v2.0.json").write_text(json.dumps({"version": "v2.0", "data": with_impossible}))
    _write_lines(directory / "article.txt", ["the book was written by mary shelley."])
    questions = [{"id": "1", "question": "who wrote it?", "context": "the book was written by mary shelley."}]
    _write_lines(directory / "questions.jsonl", map(json.dumps, questions))


def _write_sentences(directory: pathlib.Path) -> None:
    """Words with tags in columns."""
    chosen = random.Random(2)
    for name, number in (("train", 40), ("dev", 10), ("test", 5)):
        lines = []
        for _ in range(number):
            person, place = chosen.choice(PEOPLE), chosen.choice(PLACES).split()
            words = [person, "was", "in", *place, "."]
            tags = ["B-PER", "O", "O", "B-LOC", *["I-LOC"] * (len(place) - 1), "O"]
            lines += [*(f"{word} {tag}" for word, tag in zip(words, tags)), ""]
        _write_lines(directory / f"{name}.conll", lines)
    _write_lines(directory / "new.conll", ["ann", "was", "in", "rome", ""])


def _write_choices(directory: pathlib.Path) -> None:
    """Questions with two to four choices, and ratings of texts."""
    rows = [
        {
            "text": f"a movie of {number % 3} hours",
            "stars": number % 5 + 1,
            "context": f"the movie ran for {number % 4 + 1} hours.",
            "question": "how long was it?",
            "choices": [f"{hours} hours" for hours in range(1, 5 - number % 2)],
            "answer": min(number % 4, 3 - number % 2),
        }
        for number in range(16)
    ]
    for name, some in (("train", rows), ("dev", rows[:6]), ("new", rows[:3]), ("few", rows)):
        _write_lines(directory / f"{name}.jsonl", map(json.dumps, some))


def _write_alike(directory: pathlib.Path) -> None:
    """Pairs of texts that are alike, and pairs with a number that says how alike they are."""
    pairs = [(f"a movie of {number % 7} hours", f"the movie ran for {number % 7} hours") for number in range(24)]
    _write_lines(directory / "similar.tsv", ["text\ttext_b", *map("\t".join, pairs)])
    _write_lines(
        directory / "scored.tsv", ["text\ttext_b\tscore", *(f"{a}\t{b}\t{number % 5}" for number, (a, b) in enumerate(pairs))]
    )


def _write_books(directory: pathlib.Path) -> None:
    """Text to pre-train on, that is documents in every format."""
    chosen = random.Random(3)
    words = ["the", "movie", "was", "good", "bad", "very", "house", "tree", "old", "red", "river", "it", "rained"]
    words += ["".join(chosen.choices(string.ascii_lowercase, k=chosen.randrange(2, 9))) for _ in range(60)]
    for folder, books in (("books", 2), ("held_out", 1)):
        (directory / folder).mkdir()
        for book in range(books):
            lines: list[str] = []
            for _ in range(40):
                lines += [" ".join(chosen.choices(words, k=chosen.randrange(3, 15))) + "." for _ in range(chosen.randrange(2, 9))]
                lines += ["", ""]
            _write_lines(directory / folder / f"{book}.txt", lines)
    documents = [{"title": "a", "body": "The movie was good. It rained. The house was old."} for _ in range(30)]
    _write_lines(directory / "articles.jsonl", map(json.dumps, documents))


def _write_lines(path: pathlib.Path, lines) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
