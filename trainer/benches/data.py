"""Time the data path beside Hugging Face's datasets and tokenizers, on the same shards, one core each.

usage: data.py TRAINER CONFIG     (python with datasets and tokenizers; CONFIG is one of `trainer train`)

Both read the documents of the train split, tokenise them and make rows: ours shuffles and packs whole texts, the peer
joins them and cuts (transformers' run_clm.py), which is less work.
"""
import itertools
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
os.sched_setaffinity(0, {0})

import datasets
import tokenizers

trainer, config = sys.argv[1], tomllib.loads(pathlib.Path(sys.argv[2]).read_text())
seq_len = config["data"]["seq_len"]


def peer(folder):
    files = sorted(str(p) for p in pathlib.Path(config["corpus"]).glob("documents/**/split=train/*.parquet"))
    tokenizer = tokenizers.Tokenizer.from_file(f"{config['tokenizer']}/tokenizer.json")
    start = time.perf_counter()
    texts = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=folder, columns=["text"])

    def tokenise(batch):
        return {"ids": [encoding.ids + [2] for encoding in tokenizer.encode_batch(batch["text"])]}

    def group(batch):
        ids = list(itertools.chain.from_iterable(batch["ids"]))
        whole = len(ids) // seq_len * seq_len
        return {"rows": [ids[at : at + seq_len] for at in range(0, whole, seq_len)]}

    rows = texts.map(tokenise, batched=True, remove_columns=["text"]).map(group, batched=True, remove_columns=["ids"])
    return len(rows) * seq_len / (time.perf_counter() - start)


def ours():
    out = subprocess.run([trainer, "data", sys.argv[2], "--rows", "0"], capture_output=True, text=True, check=True).stdout
    print(out)
    return float(re.search(r"tokens a second\s+(\d+)", out)[1])


import tempfile

datasets.disable_progress_bars()
own = ours()
with tempfile.TemporaryDirectory() as folder:
    other = peer(folder)
print(f"trainer {own:,.0f} tokens/s, datasets and tokenizers {other:,.0f} tokens/s: {own / other:.1f} times")
