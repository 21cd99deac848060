"""The peer's side of corpus.py: datatrove reads JSON lines, normalises, filters, drops near-copies, writes parquet.

usage: peer_datatrove.py IN_DIR OUT_DIR

Thresholds are those of FineWeb-2 for Chinese (configs/cmn_Hani.yml). Each stage is a process of its own: once
jieba has run in a process, datatrove cannot copy its next pipeline ("cannot pickle 'module' object").
Requires: datatrove[io,processing]==0.10.1 spacy jieba
"""

import re
import subprocess
import sys
import unicodedata
from importlib.metadata import version

WORKERS = 2
LANGUAGE = "cmn_Hani"
STAGES = ("filter", "signatures", "buckets", "clusters", "deduplicate")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\ufeff]")


def run_stage(name: str, source: str, out: str) -> None:
    import pyarrow.parquet
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline import filters
    from datatrove.pipeline.dedup import minhash
    from datatrove.pipeline.formatters.base import BaseFormatter
    from datatrove.pipeline.readers import JsonlReader, ParquetReader
    from datatrove.pipeline.writers import ParquetWriter
    from datatrove.utils.hashing import HashConfig

    class Normalise(BaseFormatter):
        name = "NFKC + strip"

        def format(self, text: str) -> str:
            return CONTROL.sub("", unicodedata.normalize("NFKC", text)).strip()

    config = minhash.MinhashConfig(
        hash_config=HashConfig(precision=64), num_buckets=14, hashes_per_bucket=8, n_grams=5
    )
    tasks = WORKERS
    if name == "filter":
        steps = [
            JsonlReader(source),
            Normalise(),
            filters.GopherRepetitionFilter(
                language=LANGUAGE,
                dup_line_frac=0.287,
                dup_para_frac=0,
                dup_line_char_frac=0,
                dup_para_char_frac=0,
                top_n_grams=((2, 0.256), (3, 0.201), (4, 0.171)),
                dup_n_grams=((5, 0.198), (6, 0.182), (7, 0.167), (8, 0.154), (9, 0.14), (10, 0.127)),
            ),
            filters.FineWebQualityFilter(
                language=LANGUAGE,
                line_punct_thr=0.106,
                short_line_thr=999,
                char_duplicates_ratio=0.1,
                new_line_ratio=0.178,
            ),
            filters.GopherQualityFilter(
                language=LANGUAGE,
                min_avg_word_length=1,
                max_avg_word_length=5,
                max_non_alpha_words_ratio=0.735,
                min_stop_words=2,
                stop_words=list("的年在月是和日了於·為有被人中为他與後也而由"),
            ),
            ParquetWriter(f"{out}/clean", compression="zstd"),
        ]
    elif name == "signatures":
        signature = minhash.MinhashDedupSignature(f"{out}/signatures", config=config, language=LANGUAGE)
        steps = [ParquetReader(f"{out}/clean"), signature]
    elif name == "buckets":
        tasks = config.num_buckets
        steps = [minhash.MinhashDedupBuckets(f"{out}/signatures", f"{out}/buckets", config=config)]
    elif name == "clusters":
        tasks = 1
        steps = [minhash.MinhashDedupCluster(f"{out}/buckets", f"{out}/remove", config=config)]
    else:
        drop = minhash.MinhashDedupFilter(f"{out}/remove")
        steps = [ParquetReader(f"{out}/clean"), drop, ParquetWriter(f"{out}/final", compression="zstd")]
    executor = LocalPipelineExecutor(
        pipeline=steps, tasks=tasks, workers=min(WORKERS, tasks), logging_dir=f"{out}/logs/{name}"
    )
    executor.run()
    if name == STAGES[-1]:
        kept = pyarrow.parquet.ParquetDataset(f"{out}/final").fragments
        print(version("datatrove"), sum(fragment.metadata.num_rows for fragment in kept))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        run_stage(sys.argv[3], *sys.argv[1:3])
    else:
        for stage in STAGES:
            subprocess.run([sys.executable, *sys.argv, stage], check=True)
