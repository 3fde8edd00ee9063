"""Tests that take seconds and vary what other tests show: `make test-all` runs them, and CI, which has an hour, does not.

Each pattern is found in the id of a test, behind `tests/`. What stays of each group is the variation that differs most.
"""

import re

PATTERNS = (
    # Pages whose commands are those of tests of their own, but for what newcomers read first.
    r"test_docs_commands.py::test_a_page_runs\[docs/(?!training)",
    r"benchmarks/test_gpu_benchmark.py::(?!test_a_command)",
    # Further kinds, families and forms of the same job.
    r"test_similarity_check.py::.*\[(scores|labels)-",
    r"test_tagging_check.py::.*\[False\]",
    r"test_task_check.py::.*\[(regression|no files)\]",
    r"test_families_in_tasks.py::test_tasks_from_sentencepiece\[(xlnet-multiple_choice|albert-.*)\]",
    r"test_families_in_tasks.py::test_answers_to_questions\[(electra|distilbert)\]",
    r"test_families_in_tasks.py::test_answers_from_sentencepiece\[albert\]",
    r"test_families_in_tasks.py::test_(distilbert_tags|xlnet_gives_numbers|roberta_finds)",
    r"test_hub_module_jobs.py::test_(a_module_that_is_not_trained_stays_as_it_is|a_configuration_that_is_given|from_python)",
    r"test_exports_of_every_kind.py::.*\[(regression|multi_label|similarity|prompt_classification)\]",
    r"test_export_command.py::test_smaller_weights_and_fixed_lengths\[(tflite|saved_model)\]",
    r"test_albert_commands.py::test_(albert_answers_squad|chinese_models)",
    r"test_classify.py::test_(pairs_and_regression|a_damaged)",
    r"test_classifier.py::test_(exports_in_numbered|results_of_another)",
    r"test_api_classifier.py::test_an_export_predicts",
    r"test_multi_label_jobs.py::test_from_python",
    r"test_distillation.py::test_(killed_and_run_again|compiled_in_parts.*\[soft\]|a_student_that_is_.*_of_every_kind\[(?!tagging))",
    r"test_replacing.py::test_every_kind\[(?!regression)",
    r"test_unlabelled.py::test_(every_kind\[(regression|multi_label)|without_them|two_devices)",
    r"test_taught_pretraining.py::test_(teachers_of_other_families\[(electra|distilbert)\]|recomputed_layers)",
    r"test_compare_command.py::test_what_examples_add_up_to_is_the_score\[(classification|multi_label|regression)\]",
    r"test_exports_of_every_kind.py::test_with_weights_of_8_bits_here\[(classification|multiple_choice)\]",
    r"test_served_trainings.py::.*exports_are_served.*\[(regression|multi_label|pooler|windows)\]",
    r"test_export.py::test_a_classifier_answers_nothing.*\[RegressionTask\]",
    r"test_window_model.py::test_every_family_takes_windows\[(electra|roberta|distilbert)\]",
    r"test_long_texts.py::test_(raw_files_and.*\[flags1\]|numbers_and_sets_of_labels\[regression\])",
    r"test_models_from_elsewhere.py::test_a_(classifier_of_any_form.*\[(prefix|tf1)\]|head_of_other_labels.*\[labels1)",
    r"test_model_files.py::test_questions.*\[tf1\]",
    r"test_padded_tables.py::.*\[(96|96-False)\]",
    r"test_(albert|chinese_albert|electra)_family.py::Test(AlbertWithGroups|ChineseAlbert|Electra)::test_a_compiled_step_is_the_step",
    r"test_similarity_run.py::test_labels_are_learnt",
    # Further flags of a training.
    r"test_classifier_flags.py::test_training_learns_with\[--(dtype=fp16\]|nobucket|distribution_strategy|noadam|gradient)",
    r"test_told_speeds.py::test_speeds_are_told\[flags1\]",
    r"test_refused_before_writing.py::test_a_model_of_(other_labels|another_length).*\[--do_eval\]",
    r"test_compiled_step.py::test_compiled_equals_plain\[optimizer[13]",
    r"test_replaced_tokens.py::test_a_compiled_step_is_the_step\[1\]",
    r"test_packed_training.py::test_compiled_and_in_parts\[classification\]",
    r"test_module_replacement.py::test_compiled_with_dropout.*\[first_token\]",
    r"test_replacement.py::test_in_parts_and_compiled.*\{'(accumulation_steps': 2|enable_xla': True)\}",
    r"test_replacement.py::test_sixteen_bits\[(mixed_bfloat16.*False|mixed_float16.*True)\]",
    r"test_replacing.py::test_two_devices.*\[\[('--enable_xla'.*)?\]\]",
    r"test_taught_pretraining.py::test_compiled_in_parts.*\[(fp32|bf16)\]",
    r"test_prompt_tuning.py::test_(what_is_trained.*\[flags[01]\]|killed_and_run_again)",
    r"test_search.py::test_killed_it_goes_on.*\[text2\]",
    r"test_memory_of_training.py::.*\[\[\]\]",
    r"test_run_pretraining.py::test_a_resumed_run_ends_with_the_same_bits\[dynamic\]",
    r"test_electra_pretraining.py::test_(a_resumed_run.*\[dynamic\]|one_curve|dynamic_masking)",
    # Kills at random moments, of which each takes a minute and more.
    r"test_classifier_distributed.py::test_killed_at_any_moment.*\[--enable_xla\]",
    r"test_finetuning_data_hard_times.py::test_a_killed_run",
    r"test_taught_pretraining.py::test_killed_and_run_again",
    r"test_classifier_distributed.py::test_a_(killed_worker_ends.*\[0\]|worker_that_waits.*\[2-130\])",
    r"test_run_pretraining_distributed.py::.*\[dynamic\]",
    r"training/test_resumption.py::test_killed_at_random_moments.*\[(1-two|4-one)",
    # Further settings and files in comparisons with other programs, on hundreds of thousands of lines.
    r"test_squad_windows.py::test_equals_the_garden\[dev-v1.1.json-False-lengths1\]",
    r"test_squad_preparation.py::test_equals_the_garden\[train.*lengths[02]",
    r"test_span_decoding.py::test_whole_files.*v2",
    r"test_pretraining_garden_parity.py::.*\[(512|128-20-True)",
    r"text/test_(encoding_at_once|in_graph|in_graph_offsets).py::.*character.*\[(?!uncased\]|all\])",
    r"text/test_wordpiece.py::.*every_character\[cased",
    r"text/test_in_graph.py::test_bytes_that_are_not.*\[(?!uncased\]|all\])",
    r"text/test_in_graph_offsets.py::test_an_empty_batch\[(?!uncased\]|all\])",
    r"text/test_wordpiece.py::test_can_be_sent_to_another_process\[(?!uncased\]|all\])",
    r"text/test_(encoding_at_once|wordpiece).py::.*real_line\[[123]\]",
    r"text/test_in_graph_offsets.py::test_places_of_real_lines\[(?!chinese)",
    r"text/test_transformers_parity.py::test_real_lines.*do_lower_case=(True, strip_accents=False|False, strip_accents=True)",
    r"text/test_transformers_parity.py::test_real_lines\[((uncased|chinese)-.*lower_case=False|cased-.*lower_case=True)",
    r"text/test_transformers_parity.py::test_real_lines.*tokenize_chinese_chars=False",
)
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in PATTERNS))


def is_variation(node_id: str) -> bool:
    """Whether a test varies what others show."""
    return _ANY.search(node_id) is not None
