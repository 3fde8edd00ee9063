"""Installs the library `bert_tf2` and its commands.

The ranges are what the tests were run with: TensorFlow 2.20 is the newest release that tensorflow-text and
tf-models-official follow, and the three must be of one minor version.
"""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).resolve().parent
README = HERE / "README.md"
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "bert_tf2" / "__init__.py").read_text(encoding="utf-8"), re.M).group(1)

setup(
    name="bert_tf2",
    version=VERSION,
    description="The BERT training toolkit for TensorFlow 2: fine-tuning and pre-training from raw text to predictions",
    long_description=README.read_text(encoding="utf-8") if README.exists() else "",
    long_description_content_type="text/markdown",
    packages=find_packages(include=["bert_tf2", "bert_tf2.*"]),
    package_data={
        "bert_tf2": ["py.typed", "jobs/serve/page.html", "jobs/vectors/attention_page.html", "jobs/new_task/templates/*.txt"]
    },
    python_requires=">=3.10,<3.13",
    install_requires=[
        "absl-py>=1.4,<3",
        "google-crc32c>=1.6,<2",
        "matplotlib>=3.8,<4",
        "numpy>=1.26,<3",
        "protobuf>=5.28,<8",
        "PyYAML>=6,<7",
        "sentencepiece>=0.2,<0.3",
        "setuptools>=70.1,<81",  # tensorflow-hub imports pkg_resources, which later releases no longer hold
        "tensorboard>=2.20,<2.21",
        "tensorflow>=2.20,<2.21",
        # tf-models-official asks for any release of these two; without a floor pip on Python 3.10 downloads forty of them.
        "tensorflow-datasets>=4.9.7",
        "tensorflow-model-optimization>=0.8",
        "tensorflow-hub>=0.16,<0.17",
        "tensorflow-text>=2.20,<2.21",
        "tf-keras>=2.20,<2.21",
        "tf-models-official>=2.20,<2.21",
        "tokenizers>=0.21,<1",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        # Later releases of Beam were not tried; [tfrecord] is what its own record files need.
        "beam": ["apache-beam[tfrecord]>=2.72,<2.78"],
        "gpu": ["tensorflow[and-cuda]>=2.20,<2.21"],
        # Of ONNX Runtime Python 3.10 gets up to 1.23, and of onnx with it.
        # Where a server keeps the runs, the package mlflow-skinny is enough.
        "mlflow": ["mlflow>=3,<4"],
        "onnx": ["onnx>=1.17,<2", "onnxruntime>=1.20,<2", "tf2onnx>=1.17,<2"],
        "optuna": ["optuna>=4,<5"],
        "parquet": ["pyarrow>=14"],
        "search": ["faiss-cpu>=1.8,<2"],
        "serve": ["fastapi>=0.110,<1", "uvicorn>=0.29,<1"],
        "tflite": ["ai-edge-litert>=2,<3"],
        # The last transformers with TensorFlow classes: the other side of the tests of Hugging Face folders.
        "test": [
            "ai-edge-litert>=2,<3",
            "faiss-cpu>=1.8,<2",
            "fastapi>=0.110,<1",
            "mypy>=2.4,<3",
            "onnx>=1.17,<2",
            "onnxruntime>=1.20,<2",
            "optuna>=4,<5",
            "pyarrow>=14",
            "pytest>=8,<10",
            "pytest-xdist>=3.5,<4",
            "ruff>=0.12,<1",
            "safetensors>=0.4.5,<1",
            "scikit-learn>=1.5,<2",
            "seqeval==1.2.2",
            "tf2onnx>=1.17,<2",
            "transformers==4.57.6",
            "uvicorn>=0.29,<1",
        ],
        "wandb": ["wandb>=0.31,<1"],
        "zh": ["jieba>=0.42,<0.43"],
    },
    entry_points={
        "console_scripts": [
            "bert-tf2-answer-questions = bert_tf2.jobs.commands.answer_questions:command",
            "bert-tf2-classifier = bert_tf2.jobs.fine_tuning.classifier:command",
            "bert-tf2-classify = bert_tf2.jobs.commands.classify:command",
            "bert-tf2-compare = bert_tf2.jobs.comparing.job:command",
            "bert-tf2-convert-checkpoint = bert_tf2.jobs.commands.convert_checkpoint:command",
            "bert-tf2-create-finetuning-data = bert_tf2.jobs.preparation.finetuning_data:command",
            "bert-tf2-create-pretraining-data = bert_tf2.jobs.pretraining.data:command",
            "bert-tf2-datasets = bert_tf2.jobs.datasets.job:command",
            "bert-tf2-entities = bert_tf2.jobs.commands.entities:command",
            "bert-tf2-demo = bert_tf2.jobs.commands.demo:command",
            "bert-tf2-doctor = bert_tf2.jobs.doctor.command:command",
            "bert-tf2-evaluate-vectors = bert_tf2.jobs.vectors.evaluate_vectors:command",
            "bert-tf2-export = bert_tf2.jobs.export.job:command",
            "bert-tf2-extract-features = bert_tf2.jobs.vectors.extract_features:command",
            "bert-tf2-augment = bert_tf2.jobs.commands.augment:command",
            "bert-tf2-fill-mask = bert_tf2.jobs.commands.fill_mask:command",
            "bert-tf2-new-task = bert_tf2.jobs.new_task.job:command",
            "bert-tf2-pretraining = bert_tf2.jobs.pretraining.job:command",
            "bert-tf2-prune = bert_tf2.jobs.pruning.job:command",
            "bert-tf2-search = bert_tf2.jobs.search.job:command",
            "bert-tf2-serve = bert_tf2.jobs.serve.job:command",
            "bert-tf2-squad = bert_tf2.jobs.fine_tuning.squad:command",
            "bert-tf2-score-squad = bert_tf2.jobs.commands.score_squad:command",
            "bert-tf2-vocabulary = bert_tf2.jobs.vocabulary.job:command",
        ]
    },
    classifiers=[
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
)
