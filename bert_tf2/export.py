"""Exports a trained model for other runtimes. Needs pip install 'bert_tf2[onnx]' or 'bert_tf2[tflite]'.

    python -m bert_tf2.export --model_dir=model --to=onnx --output_dir=exported --eval_data_path=records/eval.tf_record
    python -m bert_tf2.export --model_dir=model --to=tflite --quantize=int8 --output_dir=phone --eval_data_path=…

The export is run in its own runtime and compared with the original; what is worse than --max_metric_drop is not kept. Beside it
lie the tokenizer and an example that runs without TensorFlow.
"""

from bert_tf2.jobs.export.job import command

if __name__ == "__main__":
    command(__doc__)
