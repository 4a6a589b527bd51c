#!/usr/bin/env bash
# Hands the job to a Ray cluster whose nodes see the same folders:
#   RAY_ADDRESS=http://head:8265 bash docs/cluster/ray.sh
# Without RAY_ADDRESS a cluster of this machine is started for the run.
set -euo pipefail

images=${IMAGES:-photos}
output=${OUTPUT:-corpus}
command=(python -m experiments.encode_corpus
  --images="$images" --output_dir="$output" --engine=ray --workers="${WORKERS:-1}" "$@")
if [ -z "${RAY_ADDRESS:-}" ]; then
  exec "${command[@]}"
fi
exec ray job submit --working-dir=. -- "${command[@]}" --ray_address=auto
