"""`python -m bert_tf2.datasets`: real data sets, small ones in the published forms, and what goes wrong with downloads."""

import io
import json
import logging
import pathlib
import re
import shlex
import tarfile
import zipfile

import pytest

from bert_tf2 import cli
from bert_tf2.jobs.datasets.dataset import TABLE
from bert_tf2.jobs.datasets.job import datasets
from bert_tf2.jobs.datasets.options import DatasetsOptions
from bert_tf2.jobs.datasets.table import DATASETS
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions

NLI = "a b\tx\tthe movie\tit was\t{}\n"
XNLI_HEADER = (
    "language\tgold_label\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2\t"
    "promptID\tpairID\tgenre\tlabel1\tlabel2\tlabel3\tlabel4\tlabel5\tlabel6\tlabel7\tmatch\tsentence1_tokenized\tsentence2_tokenized\n"
)
LANGUAGES = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
XNLI_ROW = "{}\tneutral" + "\tx" * 4 + "\tthe movie\tit was" + "\tx" * 13 + "\n"
MNLI = (
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\t"
    "sentence2"
)
MNLI_ROW = "0" + "\tx" * 7 + "\tthe movie\tit was"
MSR = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
GO = "so good\t0,17\tabc\nbad\t27\tdef\n"
SOCIAL = '{"context": "A movie.", "question": "How was it?", "answerA": "good", "answerB": "bad", "answerC": "so"'
ARTICLE = json.dumps(
    {"article": "It was good.", "questions": ["How?"], "options": [["a", "b", "c", "d"]], "answers": ["B"], "id": "high1.txt"}
)
WNUT_NAMES = ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
CONLL = "-DOCSTART- -X- -X- O\n\nthe DT B-NP B-PER\nmovie NN I-NP O\n\n"


def squad(id, version=None, impossible=None):
    question = {"id": id, "question": "what was good?", "answers": [{"text": "movie", "answer_start": 4}]}
    if impossible is not None:
        question["is_impossible"] = impossible
    article = {"title": "t", "paragraphs": [{"context": "the movie was good", "qas": [question]}]}
    return json.dumps({"version": version, "data": [article]} if version else {"data": [article]}, ensure_ascii=False)


def pairs(columns, label, extra=""):
    header = f"index\t{columns[0]}\t{columns[1]}"
    rows = "".join(f"{number}\tthe movie\tit was\t{one}\n" for number, one in enumerate(label))
    labelled = header + f"\t{extra or 'label'}\n" + rows
    return {"train.tsv": labelled, "dev.tsv": labelled, "test.tsv": header + "\n0\tthe movie\tit was\n"}


def clue(texts, labels):
    rows = "".join(json.dumps({**texts, **label}, ensure_ascii=False) + "\n" for label in labels)
    return {"train.json": rows, "dev.json": rows, "test.json": json.dumps({"id": 0, **texts}) + "\n"}


TWO = {"sentence1": "the movie", "sentence2": "it was"}
AGREED = [{"label": one, "prem_id": "lit_1"} for one in ("neutral", "entailment", "contradiction", "-")]
COLA = "gj04\t1\t\tThe movie was good.\ngj04\t0\t*\tMovie the.\n"
SWAG = ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3"
SWAG_ROW = '0,v,1,"the movie, it",the movie,it,gold,was good,was bad,was so,"was, no"'

# The published names and headers, and rows of ours.
MATERIAL = {
    "CoLA": {"train.tsv": COLA, "dev.tsv": COLA, "test.tsv": "index\tsentence\n0\tThe movie.\n"},
    "SST-2": {
        "train.tsv": "sentence\tlabel\ngood \t1\nbad \t0\n",
        "dev.tsv": "sentence\tlabel\ngood \t1\nbad \t0\n",
        "test.tsv": "index\tsentence\n0\tgood\n",
    },
    "MRPC": {
        "msr_paraphrase_train.txt": "\ufeff" + MSR + "1\t10\t11\tgood\tbad\n0\t20\t21\tso\tbad \n1\t30\t31\tgood\tso\n",
        "msr_paraphrase_test.txt": MSR + "0\t40\t41\tgood\tso\n",
        "mrpc_dev_ids.tsv": "20\t21\n",
    },
    "QQP": {
        "train.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t1\t2\tgood\tbad\t0\n2\t3\t4\tso\tso\t1\n",
        "dev.tsv": "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t1\t2\tgood\tbad\t0\n",
        "test.tsv": "id\tquestion1\tquestion2\n0\tgood\tbad\n",
    },
    "STS-B": pairs(("sentence1", "sentence2"), ("1.25", "5.000"), "score"),
    "MNLI": {
        "train.tsv": f"{MNLI}\tlabel1\tgold_label\n{MNLI_ROW}\tneutral\tneutral\n",
        **{f"dev_{one}.tsv": f"{MNLI}\tlabel1\tgold_label\n{MNLI_ROW}\tx\tneutral\n" for one in ("matched", "mismatched")},
        **{f"test_{one}.tsv": f"{MNLI}\n{MNLI_ROW}\n" for one in ("matched", "mismatched")},
        "original/multinli_1.0_train.txt": "gold_label\n",
    },
    "QNLI": pairs(("question", "sentence"), ("entailment", "not_entailment")),
    "RTE": pairs(("sentence1", "sentence2"), ("entailment", "not_entailment")),
    "WNLI": pairs(("sentence1", "sentence2"), ("0", "1")),
    "AX": {"diagnostic.tsv": "index\tsentence1\tsentence2\n0\tgood\tbad\n"},
    "SQuAD-1.1": {"train-v1.1.json": squad("a", "1.1"), "dev-v1.1.json": squad("b", "1.1")},
    "SQuAD-2.0": {"train-v2.0.json": squad("a", "v2.0", False), "dev-v2.0.json": squad("b", "v2.0", False)},
    "CMRC2018": {"cmrc2018_train.json": squad("TRAIN_0_QUERY_0"), "cmrc2018_dev.json": squad("DEV_0_QUERY_0")},
    "DRCD": {"train.json": squad("1-2-3", "1.3"), "dev.json": squad("1-2-4", "1.3"), "test.json": squad("1-2-5", "1.3")},
    "XNLI": {
        "XNLI-1.0/xnli.dev.tsv": XNLI_HEADER + XNLI_ROW.format("de") + XNLI_ROW.format("sw"),
        "XNLI-1.0/xnli.test.tsv": XNLI_HEADER + "".join(map(XNLI_ROW.format, LANGUAGES)),
        "XNLI-MT-1.0/multinli/multinli.train.de.tsv": "premise\thypo\tlabel\nthe movie\tit was\tcontradictory\n",
    },
    "AFQMC": clue(TWO, [{"label": "0"}, {"label": "1"}]),
    "TNEWS": clue(
        {"sentence": "影", "keywords": ""}, [{"label": "102", "label_desc": "news_a"}, {"label": "3", "label_desc": "news_b"}]
    ),
    "IFLYTEK": clue({"sentence": "影"}, [{"label": "1", "label_des": "地图"}, {"label": "0", "label_des": "打车"}]),
    "CMNLI": clue(TWO, [{"label": one["label"]} for one in AGREED]),
    "OCNLI": {"train.50k.json" if name == "train.json" else name: text for name, text in clue(TWO, AGREED).items()},
    "CoNLL-2003": {"train.txt": CONLL, "valid.txt": CONLL, "test.txt": CONLL},
    "WNUT17": dict.fromkeys(
        ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated"), "the\tO\nmovie\tB-creative-work\n\n"
    ),
    "GoEmotions": {"train.tsv": GO, "dev.tsv": GO, "test.tsv": GO},
    "SocialIQA": {
        "train.jsonl": SOCIAL + "}\n",
        "train-labels.lst": "2\n",
        "dev.jsonl": SOCIAL + "}\n" + SOCIAL + "}\n",
        "dev-labels.lst": "1\n3\n",
    },
    "SWAG": {
        "train.csv": f"{SWAG},label\n{SWAG_ROW},1\n",
        "val.csv": f"{SWAG},label\n{SWAG_ROW},0\n",
        "test.csv": f"{SWAG}\n{SWAG_ROW}\n",
    },
    "RACE": {f"{split}/{level}/1.txt": ARTICLE for split in ("train", "dev", "test") for level in ("high", "middle")},
}


def run(*flags):
    return cli.run(datasets, DatasetsOptions, "", ["datasets", *flags])


def refused(capsys, *flags):
    """The one line that a wrong command or download ends with."""
    assert run(*flags) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("ERROR: ")
    return line


def as_folder(path, contents):
    for name, text in contents.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(text.encode())
    return path


def as_zip(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return path


def as_tar(path, contents):
    with tarfile.open(path, "w:gz") as archive:
        for name, text in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def commands(printed):
    """The commands that were printed, without the names of the programs."""
    joined = printed.replace(" \\\n", " ")
    return [shlex.split(line)[2:] for line in joined.splitlines() if line.startswith("  python ")]


def test_every_data_set_has_material():
    assert set(MATERIAL) == {one.name for one in DATASETS}


@pytest.mark.parametrize("name", MATERIAL)
def test_the_command_that_is_printed_makes_records(tmp_path, capsys, tiny_vocab_file, name):
    """From an archive or a folder whose name says nothing."""
    form = [as_zip, as_tar, as_folder][list(MATERIAL).index(name) % 3]
    source = form(tmp_path / "downloaded", {f"x/{path}": text for path, text in MATERIAL[name].items()})
    flags = [f"--source={source}", f"--output_dir={tmp_path}/my data", f"--vocab_file={tiny_vocab_file}", "--nocheck_sizes"]
    assert run("--mode=prepare", *flags) == 0
    printed = capsys.readouterr().out
    assert re.findall(r"^(\S+): written", printed, re.M) == [name]
    (command,) = commands(printed)
    assert cli.run(create_finetuning_data, FinetuningDataOptions, "", ["create_finetuning_data.py", *command]) == 0
    assert (tmp_path / "my data" / name / "records" / "meta_data.json").is_file()


def test_the_real_ones_are_the_published_ones(tmp_path, capsys, real_data):
    names = {"CoLA", "MRPC", "STS-B", "WNUT17", "GoEmotions"}
    assert run("--mode=prepare", f"--source={real_data}", f"--dataset={','.join(names)}", f"--output_dir={tmp_path}") == 0
    printed = capsys.readouterr().out
    assert set(re.findall(r"^(\S+): written", printed, re.M)) == names
    assert printed.count("as published, byte for byte") == 3 * len(names)
    assert "NOT" not in printed
    # The same again writes nothing.
    assert run("--mode=prepare", f"--source={real_data}/glue/MRPC", f"--output_dir={tmp_path}") == 0
    assert "MRPC: was there already" in capsys.readouterr().out


def test_mrpc_is_made_of_microsofts_files_as_glue_makes_it(tmp_path, capsys, real_data):
    """From the rows of GLUE's own files, put together as they were before it divided them."""
    glue = {
        split: (real_data / f"glue/MRPC/{split}.tsv").read_text(encoding="utf-8").splitlines()
        for split in ("train", "dev", "test")
    }
    train, dev = glue["train"][1:], glue["dev"][1:]
    mixed = [row for three in zip(train, dev) for row in three] + train[len(dev) :]
    test = [f"1\t{row.split(chr(9), 1)[1]}" for row in glue["test"][1:]]
    raw = {
        "msr_paraphrase_train.txt": "\r\n".join([MSR.strip(), *mixed]) + "\r\n",
        "msr_paraphrase_test.txt": MSR + "\n".join(test),
        "dev_ids.tsv": "".join("\t".join(row.split("\t")[1:3]) + "\n" for row in dev),
    }
    as_folder(tmp_path / "raw", raw)
    assert run("--mode=prepare", f"--source={tmp_path}/raw", f"--output_dir={tmp_path}") == 0
    assert capsys.readouterr().out.count("byte for byte") == 3
    for split in glue:
        assert (tmp_path / f"MRPC/{split}.tsv").read_bytes() == (real_data / f"glue/MRPC/{split}.tsv").read_bytes()
    (tmp_path / "raw" / "dev_ids.tsv").unlink()
    line = refused(capsys, "--mode=prepare", f"--source={tmp_path}/raw", f"--output_dir={tmp_path}/other")
    assert "missing: mrpc_dev_ids.tsv" in line
    assert "https://dl.fbaipublicfiles.com/senteval/senteval_data/msr_paraphrase_train.txt" in line
    assert not (tmp_path / "other").exists()


def test_windows_line_ends_and_a_byte_order_mark_are_taken_off(tmp_path, capsys, real_data):
    published = real_data / "glue/STS-B"
    for split in ("train", "dev", "test"):
        text = b"\xef\xbb\xbf" + (published / f"{split}.tsv").read_bytes().replace(b"\n", b"\r\n")
        (tmp_path / f"{split}.tsv").write_bytes(text)
    assert run("--mode=prepare", f"--source={tmp_path}", f"--output_dir={tmp_path}/data") == 0
    assert capsys.readouterr().out.count("byte for byte, line ends of Windows made line feeds") == 3
    assert (tmp_path / "data/STS-B/dev.tsv").read_bytes() == (published / "dev.tsv").read_bytes()


def _sized(name, sizes):
    """Files of a data set with so many rows."""
    files = {}
    for (file, text), size in zip(MATERIAL[name].items(), sizes):
        header, first = text.splitlines(keepends=True)[:2]
        files[file] = header + first * size
    return files


def test_other_editions_are_called_by_their_names(tmp_path, capsys):
    as_zip(tmp_path / "QNLI.zip", _sized("QNLI", (108_436, 5732, 5740)))
    line = refused(capsys, "--mode=prepare", f"--source={tmp_path}/QNLI.zip", f"--output_dir={tmp_path}/data")
    assert "QNLI's train.tsv has 104,743: this is version 1, which GLUE withdrew" in line
    assert not (tmp_path / "data" / "QNLI").exists()
    # The older split of QQP has no header.
    rows = "1\tgood\tbad\t7\n"
    as_zip(tmp_path / "QQP.zip", {"QQP/train.tsv": rows, "QQP/dev.tsv": rows, "QQP/test.tsv": rows})
    line = refused(capsys, "--mode=prepare", f"--source={tmp_path}/QQP.zip", "--dataset=qqp", f"--output_dir={tmp_path}/data")
    assert "begins with '1\\tgood\\tbad\\t7'" in line
    assert "older splits of Quora's pairs are other data" in line


def test_a_file_of_rows_that_was_cut_off_is_refused(tmp_path, capsys, caplog):
    as_folder(tmp_path / "WNLI", _sized("WNLI", (635, 70, 146)))
    flags = ["--mode=prepare", f"--source={tmp_path}/WNLI", f"--output_dir={tmp_path}/data"]
    line = refused(capsys, *flags)
    assert "WNLI/dev.tsv: 70 rows, but WNLI's dev.tsv has 71 (cut off, or another edition?)" in line
    assert "--nocheck_sizes" in line
    assert not (tmp_path / "data" / "WNLI").exists()
    with caplog.at_level(logging.WARNING, "bert_tf2"):
        assert run(*flags, "--nocheck_sizes") == 0
    assert "dev.tsv: 70 rows, NOT as published" in capsys.readouterr().out


def test_squad_of_the_wrong_version(tmp_path, capsys):
    contents = {"train-v2.0.json": squad("a", "1.1"), "dev-v2.0.json": squad("b", "v2.0")}
    as_folder(tmp_path / "squad", contents)
    line = refused(capsys, "--mode=prepare", f"--source={tmp_path}/squad", f"--output_dir={tmp_path}/data", "--nocheck_sizes")
    assert 'train-v2.0.json: SQuAD\'s data of version 1.1 (it says "version": "1.1"), not SQuAD-2.0\'s' in line


def test_downloads_that_are_none(tmp_path, capsys, real_data):
    out = f"--output_dir={tmp_path}/data"
    page, whole, cut = tmp_path / "CoLA.zip", tmp_path / "whole.zip", tmp_path / "cut.zip"
    page.write_text("<!DOCTYPE html><html><body>404</body></html>")
    assert "is a web page (HTML), not data" in refused(capsys, "--mode=prepare", f"--source={page}", out)
    as_zip(whole, {name: (real_data / "glue/CoLA" / name).read_text() for name in ("train.tsv", "dev.tsv", "test.tsv")})
    cut.write_bytes(whole.read_bytes()[:100_000])
    assert "cut.zip is cut off or damaged" in refused(capsys, "--mode=prepare", f"--source={cut}", out)
    damaged = bytearray(whole.read_bytes())
    damaged[100_000] ^= 1
    cut.write_bytes(damaged)
    assert "cut.zip is cut off or damaged" in refused(capsys, "--mode=prepare", f"--source={cut}", out)
    tar = as_tar(tmp_path / "RACE.tar.gz", MATERIAL["RACE"] | {"train/high/2.txt": ARTICLE * 1000})
    tar.write_bytes(tar.read_bytes()[:-60])
    assert "RACE.tar.gz is cut off or damaged" in refused(capsys, "--mode=prepare", f"--source={tar}", out)
    for name in ("../../train.tsv", "/etc/train.tsv", "..\\train.tsv", "C:\\train.tsv"):
        as_zip(tmp_path / "slip.zip", MATERIAL["RTE"] | {name: "x"})
        assert "leads out of the folder" in refused(capsys, "--mode=prepare", f"--source={tmp_path}/slip.zip", out)
    (tmp_path / "empty.zip").touch()
    assert "empty.zip is empty" in refused(capsys, "--mode=prepare", f"--source={tmp_path}/empty.zip", out)
    assert not any((tmp_path / "data").glob("*")) if (tmp_path / "data").exists() else True


def test_what_lies_there_is_not_overwritten(tmp_path, capsys):
    as_folder(tmp_path / "WNLI", MATERIAL["WNLI"])
    flags = ["--mode=prepare", f"--source={tmp_path}/WNLI", f"--output_dir={tmp_path}/data", "--nocheck_sizes"]
    assert run(*flags) == 0
    own = tmp_path / "data/WNLI/dev.tsv"
    own.write_text("mine")
    capsys.readouterr()
    assert "dev.tsv is another file" in refused(capsys, *flags)
    assert own.read_text() == "mine"
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["WNLI"]


def test_several_at_once_and_those_that_are_not_there(tmp_path, capsys):
    contents = {f"{name}/{path}": text for name in ("RTE", "WNLI", "CoLA", "SST-2") for path, text in MATERIAL[name].items()}
    # What macOS adds.
    contents |= {"__MACOSX/RTE/._train.tsv": "x", "RTE/._dev.tsv": "x"}
    as_zip(tmp_path / "glue.zip", contents)
    flags = ["--mode=prepare", f"--source={tmp_path}/glue.zip", "--nocheck_sizes", f"--output_dir={tmp_path}/data"]
    assert run(*flags) == 0
    assert re.findall(r"^(\S+): written", capsys.readouterr().out, re.M) == ["CoLA", "SST-2", "RTE", "WNLI"]
    assert "entailment" in (tmp_path / "data/RTE/train.tsv").read_text()
    line = refused(capsys, *flags, "--dataset=RACE")
    assert "RACE: no train/high is there" in line
    assert "https://www.cs.cmu.edu/~glai1/data/race/" in line
    assert "Did you mean 'RACE'?" in refused(capsys, *flags, "--dataset=RAC")
    (tmp_path / "d").mkdir()
    as_zip(tmp_path / "d" / "inner.zip", contents)
    assert "give the archives in it themselves" in refused(capsys, "--mode=prepare", f"--source={tmp_path}/d", flags[-1])


def test_list_says_what_there_is_and_where(capsys):
    assert run("--mode=list") == 0
    printed = capsys.readouterr().out
    assert all(f"{one.name}: " in printed and one.home in printed for one in DATASETS)
    assert run("--mode=list", "--dataset=qnli") == 0
    assert "https://dl.fbaipublicfiles.com/glue/data/QNLIv2.zip" in capsys.readouterr().out
    assert "belongs to --mode=prepare" in refused(capsys, "--mode=list", "--source=x")


def test_sizes_and_digests_are_those_of_tensorflow_datasets():
    """Its list of downloads is not ours: addresses, bytes and digests must be there."""
    tensorflow_datasets = pytest.importorskip("tensorflow_datasets")
    folder = pathlib.Path(tensorflow_datasets.__file__).parent
    published = set()
    for path in [*folder.glob("url_checksums/*.txt"), folder / "datasets" / "squad" / "checksums.tsv"]:
        published |= {tuple(line.split("\t")[:3]) for line in path.read_text().splitlines()}
    for one in DATASETS:
        for download in one.downloads:
            assert (download.address, str(download.size), download.sha256) in published, one.name


def test_every_file_of_a_table_is_told_from_others_in_its_folder():
    for one in DATASETS:
        assert all(file.columns or file.cells for file in one.files if file.form == TABLE)
        assert all(file.least_and_most[0] > 0 for file in one.files)
