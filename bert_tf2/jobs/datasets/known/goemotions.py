"""GoEmotions: emotions in comments."""

from bert_tf2.jobs.datasets.dataset import EVAL, TABLE, TEST, TRAIN, Dataset, Download, File

GO_EMOTIONS = Dataset(
    "GoEmotions",
    "28 emotions in English comments, any number for each",
    tuple(
        File(name, role, TABLE, rows, cells=3, mark=r"\t\d+(,\d+)*\t\w+\r?\n", sha256=sha256)
        for name, role, rows, sha256 in (
            ("train.tsv", TRAIN, 43_410, "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5"),
            ("dev.tsv", EVAL, 5426, "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62"),
            ("test.tsv", TEST, 5427, "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4"),
        )
    ),
    "https://github.com/google-research/google-research/tree/master/goemotions",
    "Demszky et al. 2020, https://arxiv.org/abs/2005.00547",
    (
        "--train_file={dir}/train.tsv",
        "--eval_file={dir}/dev.tsv",
        "--test_file={dir}/test.tsv",
        "--text_column=0",
        "--label_column=1",
        "--multi_label",
        "--label_separator=comma",
        "--labels=" + ",".join(map(str, range(28))),
    ),
    64,
    note="labels are the numbers of the lines of emotions.txt, from 0",
    downloads=tuple(
        Download(f"https://github.com/google-research/google-research/raw/master/goemotions/data/{name}", size, sha256)
        for name, size, sha256 in (
            ("train.tsv", 3519053, "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5"),
            ("dev.tsv", 439059, "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62"),
            ("test.tsv", 436706, "0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4"),
        )
    ),
)
