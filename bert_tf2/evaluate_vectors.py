"""Measures how well an encoder's vectors tell how alike two texts are, by the correlation with people's scores.

STS-B as GLUE has it, SICK as SemEval 2014 has it, or any file with two texts and a score in each row:

    python -m bert_tf2.evaluate_vectors --init_checkpoint=weights --input_file=STS-B/dev.tsv,SICK_test_annotated.txt
    python -m bert_tf2.evaluate_vectors --init_checkpoint=weights --input_file=own.csv \\
        --text_column=question --text_b_column=other_question --score_column=alike
"""

from bert_tf2.jobs.vectors.evaluate_vectors import command

if __name__ == "__main__":
    command(__doc__)
