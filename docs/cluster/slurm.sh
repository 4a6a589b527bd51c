#!/usr/bin/env bash
# A Slurm array: every task does its share of the shards, and may be requeued at any time.
#   sbatch --array=0-63 docs/cluster/slurm.sh
# Without Slurm, to see what a task would run: DRY=1 bash docs/cluster/slurm.sh
#SBATCH --job-name=encode-corpus
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120
set -euo pipefail

images=${IMAGES:-photos}
output=${OUTPUT:-corpus}
share=${SLURM_ARRAY_TASK_ID:-0}/${SLURM_ARRAY_TASK_COUNT:-1}
# One cache for all tasks: the first one compiles.
export JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$output/programs}

command=(python -m experiments.encode_corpus
  --images="$images" --output_dir="$output" --shard="$share" "$@")
if [ -n "${DRY:-}" ]; then
  printf '%q ' "${command[@]}"
  echo
  exit
fi
exec "${command[@]}"
