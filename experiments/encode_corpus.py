r"""Encodes a corpus of pictures, on any number of workers that come, go and die.

    python -m experiments.encode_corpus --images=photos --output_dir=corpus \
      --generator=ffhq --lpips=lpips_vgg --encoder=e4e --preset=encoder --workers=4

The pictures are listed once, into a manifest that is cut into shards; a shard's file in
`shards/` appears whole or not at all, and says that the shard is finished. Nothing else
is kept, so that the same command goes on from wherever the last one stopped, with any
engine and any number of workers:

    --engine=local            processes on this machine (--workers)
    --shard=3/64              a fixed share: Slurm arrays, Kubernetes, TPU pods
    --engine=lease            on each of many machines that share --output_dir
    --engine=ray              actors of a Ray cluster (extra `cluster`)

Inputs are folder trees, lists, Parquet, WebDataset tars or patterns, here or at any
address of fsspec. A picture that fails is a row that says why; --retry_failed does
those once more. Exit code: 0 all done, 1 some pictures failed or something is missing,
2 bad usage.
"""

import sys

from absl import flags

from experiments.corpus import (
    corpus_flags,
    corpus_reports,
    entry,
    layout,
    local,
    planning,
    ray_launch,
)
from experiments.launch import command_line, signals

flags.adopt_module_key_flags(corpus_flags)


def main(argv):
    """Prepares the corpus, lets the engine work, reports; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    signals.name_remedy("; the same command goes on from where it stopped")
    plan = corpus_flags.plan()
    if plan.is_dry:
        print(planning.describe(plan))
        return 0
    corpus = entry.prepare(plan)
    entry.verify(corpus, plan)
    if plan.engine == "static":
        entry.run_static(plan, corpus)
    elif plan.engine == "lease":
        repeated = entry.retried(corpus) if plan.is_retry else None
        entry.run_leased(plan, corpus, repeated=repeated)
    elif plan.engine == "ray":
        ray_launch.run(plan, corpus, sys.argv[1:])
    else:
        repeated = entry.retried(corpus) if plan.is_retry else None
        watch = corpus_reports.Watch(corpus)
        local.run(corpus, sys.argv[1:], plan.num_workers, repeated, watch)
    layout.sweep(corpus)
    status = corpus_reports.CorpusStatus.of(corpus)
    corpus_reports.write_metrics(corpus, status)
    print(status.sentence())
    is_own_part = plan.share is not None
    return int(status.num_failed > 0 or not (status.is_complete or is_own_part))


if __name__ == "__main__":
    command_line.run(main, corpus_flags.GROUPS)
