# Raw court documents and statutes → parquet shards → tokenizer → model → measures.

set shell := ["bash", "-euo", "pipefail", "-c"]

target := env("CARGO_TARGET_DIR", justfile_directory() / "target")
cache := env("XDG_CACHE_HOME", home_directory() / ".cache") / "lawlm"
pipeline := target / "release" / "pipeline"
vocab := target / "release" / "vocab"
trainer := target / "release" / "trainer"
evaluator := target / "release" / "evaluator"

# Where there is a CUDA compiler, trainer and evaluator are built for the GPU; where there is NCCL, the trainer for several.
has_cuda := `command -v nvcc || true`
gpu := if has_cuda == "" { "" } else if `{ ldconfig -p || true; } 2>/dev/null | grep --max-count=1 libnccl.so || true` == "" { "--features evaluator/cuda" } else { "--features trainer/nccl,evaluator/cuda" }
cudnn := cache / "cudnn"

# List the recipes.
@default:
    just --list

# Build the corpus: raw documents → data/shards, with a report in data/reports/corpus.
build-corpus config="pipeline/configs/corpus.toml": _build
    @"{{pipeline}}" build "{{config}}"

# Look into the corpus: an overview, ID through every stage, or --dropped REASON.
inspect *arguments: _build
    @"{{pipeline}}" inspect {{arguments}}

# Train a tokenizer on the corpus: legal tokens below a base → data/tokenizer, with a report.
train-vocab config="vocab/configs/tokenizer.toml": _build
    @"{{vocab}}" train "{{config}}"

# Continue pretraining on the corpus: shards and tokenizer → data/runs/…, checkpoints and curves.
train config="trainer/configs/smoke.toml" *arguments: _build-models
    @"{{trainer}}" train "{{config}}" {{arguments}}

# Tune on the instruction records; with no configuration the model that `just train` made.
instruct config="trainer/configs/smoke-instruct.toml" *arguments: _build-models
    @test "{{config}}" != trainer/configs/smoke-instruct.toml || "{{trainer}}" export data/runs/smoke
    @"{{trainer}}" train "{{config}}" {{arguments}}

# Write a run's model as transformers and PEFT load it.
export run: _build-models
    @"{{trainer}}" export "{{run}}"

# Score answers to LawBench: a folder of MODEL/TASK.json → a table, or JSON lines with --json; no model is needed.
score predictions *arguments: _build
    @"{{evaluator}}" score "{{predictions}}" {{arguments}}

# Compare two models on LawBench, folders of TASK.json or files of `score --items` → differences, intervals, tests.
compare a b *arguments: _build
    @"{{evaluator}}" compare "{{a}}" "{{b}}" {{arguments}}

# Write a page on all models of a folder of answers: scores, differences, worst answers → data/reports/evaluation.
report predictions *arguments: _build
    @"{{evaluator}}" report "{{predictions}}" {{arguments}}

# Look for a benchmark's items, a folder of TASK.json, in the corpus; --out FILE for `score --flagged FILE`.
contamination items *arguments: _build
    @"{{evaluator}}" contamination "{{items}}" {{arguments}}

# Evaluate models on what was held out and on LawBench → data/reports/evaluation; by default those of the recipes above.
evaluate config="evaluator/configs/smoke.toml": _build-models
    @"{{evaluator}}" run "{{config}}"

# Run all tests.
test: _build _readers
    READERS_PYTHON="{{cache}}/readers/bin/python" cargo test --release --workspace

# Check formatting and lints.
lint:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- --deny warnings

# Time the corpus build on a folder of Markdown statutes; --peer beside datatrove (PEER_PYTHON).
bench-pipeline statutes *arguments: _build
    python3 pipeline/benches/corpus.py "{{pipeline}}" "{{statutes}}" {{arguments}}

# Time the tokenizer beside other libraries: encode TOKENIZER_DIR TEXT, or train MODEL TEXT PIECES.
bench-vocab *arguments:
    cargo run --release --quiet --manifest-path vocab/benches/peers/Cargo.toml -- {{arguments}}

# Time the trainer's data path on a configuration beside datasets and tokenizers (PEER_PYTHON).
bench-data config: _build
    "${PEER_PYTHON:-python3}" trainer/benches/data.py "{{trainer}}" "{{config}}"

# The JSON Schema of a manifest, beside the manifests.
manifest-schema: _build
    "{{pipeline}}" manifest-schema > data-manifests/manifest.schema.json

_build:
    @cargo build --release --workspace

_build-models: _cudnn
    @CUDNN_FRONTEND_INCLUDE="${CUDNN_FRONTEND_INCLUDE:-{{cudnn}}/include}" cargo build --release --workspace {{gpu}}

# On GPU boxes: cuDNN's headers, with which attention is built; the library itself is looked for when the trainer runs.
_cudnn:
    @test -z "{{has_cuda}}" || test -n "${CUDNN_FRONTEND_INCLUDE:-}" || test -e "{{cudnn}}/include/cudnn_frontend.h" || sh trainer/kernels/cudnn-headers.sh "{{cudnn}}"

# Other people's readers of parquet, for the tests: DuckDB, pyarrow, polars, pandas, datasets.
_readers:
    @test -x "{{cache}}/readers/bin/python" || python3 -m venv "{{cache}}/readers"
    @cmp -s tests/readers.txt "{{cache}}/readers/installed" || "{{cache}}/readers/bin/pip" install --quiet --requirement tests/readers.txt
    @cp tests/readers.txt "{{cache}}/readers/installed"
