"""Names in texts, in columns."""

from bert_tf2.jobs.datasets.dataset import CONLL, EVAL, TEST, TRAIN, Dataset, File

_TAGGING = (
    "--fine_tuning_task_type=tagging",
    "--train_file={dir}/{train}",
    "--eval_file={dir}/{eval}",
    "--test_file={dir}/{test}",
)
_CONLL_ROW = r"(?m)^\S+ \S+ \S+ (O|[BI]-(PER|ORG|LOC|MISC))\r?$"
TAGGED = (
    Dataset(
        "CoNLL-2003",
        "persons, places, organisations and others in English news",
        (
            File("eng.train", TRAIN, CONLL, 14_041, mark=_CONLL_ROW, also=("train.txt",)),
            File("eng.testa", EVAL, CONLL, 3250, mark=_CONLL_ROW, also=("valid.txt", "dev.txt", "testa.txt")),
            File("eng.testb", TEST, CONLL, 3453, mark=_CONLL_ROW, also=("test.txt", "testb.txt")),
        ),
        "https://www.clips.uantwerpen.be/conll2003/ner/",
        "Tjong Kim Sang and De Meulder 2003, https://aclanthology.org/W03-0419/, less the 946, 216 and 231 lines -DOCSTART-",
        _TAGGING,
        note="the texts are Reuters' and have to be asked for",
    ),
    Dataset(
        "WNUT17",
        "rare and emerging entities in English posts",
        (
            File(
                "wnut17train.conll", TRAIN, CONLL, 3394, mark=r"(?m)^\S+\t(O|[BI]-[a-z-]+)\r?$",
                sha256="731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
            ),
            File(
                "emerging.dev.conll", EVAL, CONLL, 1009, mark=r"(?m)^\S+\t(O|[BI]-[a-z-]+)\r?$",
                sha256="e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
            ),
            File(
                "emerging.test.annotated", TEST, CONLL, 1287, mark=r"(?m)^\S+\t(O|[BI]-[a-z-]+)\r?$",
                sha256="2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
            ),
        ),
        "https://noisy-text.github.io/2017/emerging-rare-entities.html",
        "Derczynski et al. 2017, https://aclanthology.org/W17-4418/",
        _TAGGING,
    ),
)  # fmt: skip
