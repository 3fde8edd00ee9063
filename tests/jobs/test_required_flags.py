"""Every command tells all flags that it lacks in one message."""

import pathlib
import re
import runpy

import pytest

from bert_tf2 import cli
from bert_tf2.errors import UserError
from bert_tf2.jobs.commands.answer_questions import AnswerQuestionsOptions, answer_questions
from bert_tf2.jobs.commands.augment import AugmentCommandOptions, augment
from bert_tf2.jobs.commands.classify import ClassifyOptions, classify
from bert_tf2.jobs.commands.convert_checkpoint import ConvertCheckpointOptions, convert_checkpoint
from bert_tf2.jobs.commands.demo import DemoOptions
from bert_tf2.jobs.commands.entities import EntitiesOptions, find_entities
from bert_tf2.jobs.commands.fill_mask import FillMaskOptions, fill_mask
from bert_tf2.jobs.commands.score_squad import ScoreSquadOptions, score_squad
from bert_tf2.jobs.comparing.job import compare
from bert_tf2.jobs.comparing.options import CompareOptions
from bert_tf2.jobs.datasets.job import datasets
from bert_tf2.jobs.datasets.options import DatasetsOptions
from bert_tf2.jobs.export.job import export
from bert_tf2.jobs.export.options import ExportOptions
from bert_tf2.jobs.fine_tuning.classifier import run_classifier
from bert_tf2.jobs.fine_tuning.classifier_options import ClassifierOptions
from bert_tf2.jobs.fine_tuning.squad import run_squad
from bert_tf2.jobs.fine_tuning.squad_options import SquadOptions
from bert_tf2.jobs.new_task.job import NewTaskOptions
from bert_tf2.jobs.preparation.finetuning_data import create_finetuning_data
from bert_tf2.jobs.preparation.options import FinetuningDataOptions
from bert_tf2.jobs.pretraining.data import PretrainingDataOptions, create_pretraining_data
from bert_tf2.jobs.pretraining.job import run_pretraining
from bert_tf2.jobs.pretraining.options import PretrainingOptions
from bert_tf2.jobs.pruning.job import prune
from bert_tf2.jobs.pruning.options import PruneOptions
from bert_tf2.jobs.search.job import search
from bert_tf2.jobs.search.options import SearchOptions
from bert_tf2.jobs.serve.options import ServeOptions
from bert_tf2.jobs.vectors.evaluate_vectors import EvaluateVectorsOptions, evaluate_vectors
from bert_tf2.jobs.vectors.extract_features import extract_features
from bert_tf2.jobs.vectors.extract_options import ExtractFeaturesOptions
from bert_tf2.jobs.vocabulary.job import vocabulary
from bert_tf2.jobs.vocabulary.options import VocabularyOptions
from bert_tf2.options import require_given

DIRECTORY = "--model_dir (or --output_dir)"
TASK = "--classification_task_name (or --train_file, --eval_file, --test_file)"
OUTPUT = "--train_data_output_path (or --eval_data_output_path, --test_data_output_path)"
META, CONFIG, VOCABULARY = "--input_meta_data_path", "--bert_config_file", "--vocab_file"
EITHER, ENCODER = "--vocab_file (or --sp_model_file)", "--init_checkpoint (or --model_dir)"
WRITTEN_META = "--meta_data_file_path"

# Job, its options, what is given, and all that is missing.
COMMANDS = [
    (run_classifier, ClassifierOptions, "", [DIRECTORY, CONFIG, META, "--train_data_path", "--eval_data_path"]),
    (run_classifier, ClassifierOptions, "--mode=train --model_dir=m", [CONFIG, META, "--train_data_path"]),
    (run_classifier, ClassifierOptions, "--mode=eval", [DIRECTORY, CONFIG, META, "--eval_data_path"]),
    (run_classifier, ClassifierOptions, "--mode=predict", [DIRECTORY, CONFIG, META, "--test_data_path (or --eval_data_path)"]),
    (run_classifier, ClassifierOptions, "--mode=export_only", [DIRECTORY, CONFIG, META, "--model_export_path"]),
    (
        run_classifier,
        ClassifierOptions,
        "--task_name=MRPC",
        [DIRECTORY, CONFIG, "--do_train (or --do_eval, --do_predict)", "--data_dir", "--vocab_file (or --sp_model_file)"],
    ),
    (run_classifier, ClassifierOptions, "--do_train --output_dir=m --data_dir=d --sp_model_file=s", [CONFIG, "--task_name"]),
    (run_squad, SquadOptions, "", [DIRECTORY, CONFIG, META, "--train_data_path", "--predict_file", EITHER]),
    (run_squad, SquadOptions, "--mode=export_only", [DIRECTORY, CONFIG, META, "--model_export_path"]),
    (run_squad, SquadOptions, "--do_train --do_predict", [DIRECTORY, CONFIG, EITHER, "--train_file", "--predict_file"]),
    (run_squad, SquadOptions, "--output_dir=m", [CONFIG, "--do_train (or --do_predict)", EITHER]),
    (run_pretraining, PretrainingOptions, "", [DIRECTORY, CONFIG, "--input_files (or --input_file)"]),
    (run_pretraining, PretrainingOptions, "--eval_input_files=e --do_eval", [DIRECTORY, CONFIG]),
    (create_finetuning_data, FinetuningDataOptions, "", [TASK, OUTPUT, WRITTEN_META, VOCABULARY]),
    (
        create_finetuning_data,
        FinetuningDataOptions,
        "--classification_task_name=mrpc --tokenization=SentencePiece",
        [OUTPUT, "--input_data_dir", WRITTEN_META, "--sp_model_file"],
    ),
    (
        create_finetuning_data,
        FinetuningDataOptions,
        "--train_file=t.tsv --eval_data_output_path=e",
        ["--train_data_output_path", "--eval_file", WRITTEN_META, VOCABULARY],
    ),
    (
        create_finetuning_data,
        FinetuningDataOptions,
        "--fine_tuning_task_type=squad",
        ["--squad_data_file", "--train_data_output_path", WRITTEN_META, VOCABULARY],
    ),
    (create_pretraining_data, PretrainingDataOptions, "", ["--input_file", "--output_file", VOCABULARY]),
    (
        create_pretraining_data,
        PretrainingDataOptions,
        "--tokenization=SentencePiece",
        ["--input_file", "--output_file", "--sp_model_file"],
    ),
    (convert_checkpoint, ConvertCheckpointOptions, "", ["--checkpoint_to_convert", "--converted_checkpoint_path"]),
    (score_squad, ScoreSquadOptions, "", ["--data_file", "--predictions_file"]),
    (answer_questions, AnswerQuestionsOptions, "", ["--model", "--context (or --context_file, --input_file)"]),
    (answer_questions, AnswerQuestionsOptions, "--input_file=q", ["--model", "--output_file"]),
    (find_entities, EntitiesOptions, "--input_file=t", ["--model", "--output_file"]),
    (augment, AugmentCommandOptions, "--input_file=t", ["--init_checkpoint (or --model_dir)", "--output_file"]),
    (fill_mask, FillMaskOptions, "--input_file=t", ["--init_checkpoint (or --model_dir)", "--output_file"]),
    (classify, ClassifyOptions, "--input_file=t", ["--model_dir", "--output_file"]),
    (export, ExportOptions, "", ["--model_dir", "--to", "--output_dir"]),
    (compare, CompareOptions, "", ["--model", "--eval_data_path (or --predict_file)", "--output_dir"]),
    (prune, PruneOptions, "", ["--model_dir", "--output_dir", "--num_heads (or --num_neurons, --num_layers, --layers)"]),
    (prune, PruneOptions, "--output_dir=small --num_heads=2", ["--model_dir", "--importance_data_path"]),
    (extract_features, ExtractFeaturesOptions, "", [ENCODER, "--input_file", "--output_file"]),
    (extract_features, ExtractFeaturesOptions, "--fit_whitening=t", [ENCODER, "--whitening_file"]),
    (extract_features, ExtractFeaturesOptions, "--attention_page=a.html", [ENCODER, "--text"]),
    (evaluate_vectors, EvaluateVectorsOptions, "", [ENCODER, "--input_file"]),
    (search, SearchOptions, "", ["--mode", "--index_dir"]),
    (search, SearchOptions, "--mode=index", ["--index_dir", ENCODER, "--input_file"]),
    (search, SearchOptions, "--mode=add", ["--index_dir", "--input_file"]),
    (datasets, DatasetsOptions, "--mode=prepare", ["--source", "--output_dir"]),
    (datasets, DatasetsOptions, "--mode=download", ["--dataset", "--output_dir"]),
    (vocabulary, VocabularyOptions, "--mode=train", ["--text_files", "--output_dir"]),
    (
        vocabulary,
        VocabularyOptions,
        "--mode=add",
        ["--vocab_file (or --init_checkpoint)", "--add_tokens (or --add_tokens_file, --keep_tokens)", "--output_dir"],
    ),
    (vocabulary, VocabularyOptions, "--mode=trim", ["--vocab_file (or --init_checkpoint)", "--text_files", "--output_dir"]),
    (vocabulary, VocabularyOptions, "--mode=compare", [VOCABULARY, "--other_vocab_file"]),
]


@pytest.mark.parametrize(("job", "options", "given", "missing"), COMMANDS)
def test_all_missing_flags_are_told_at_once(capsys, job, options, given, missing):
    assert cli.run(job, options, "", ["command", *given.split()]) == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("ERROR: ")]
    told = re.fullmatch(r"ERROR: (\d+) flags are required here: (.*)", error)
    assert told, error
    assert int(told[1]) == len(missing)
    names = [re.match(r"--\w+( \(or [^)]*\))?(?=, \w)", one)[0] for one in told[2].split("; ")]
    assert sorted(names) == sorted(missing)


def test_every_command_that_requires_flags_is_in_the_table():
    page = runpy.run_path(str(pathlib.Path(__file__).resolve().parents[2] / "docs" / "make_flags.py"))
    # The demo needs nothing, the server and the skeleton one flag.
    rest = {DemoOptions, NewTaskOptions, ServeOptions}
    assert {options for _, options, _, _ in COMMANDS} == set(page["COMMANDS"].values()) - rest


def test_a_single_missing_flag_is_told_with_what_it_gives():
    with pytest.raises(UserError) as caught:
        require_given(
            ClassifierOptions(model_dir="m"), {"model_dir or output_dir": "where to", "vocab_file or sp_model_file": "it"}
        )
    assert str(caught.value) == "--vocab_file (or --sp_model_file) is required: it"
    require_given(ClassifierOptions(output_dir="m"), {"model_dir or output_dir": "where to"})
