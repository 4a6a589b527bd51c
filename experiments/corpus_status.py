r"""Tells how far a corpus is: what is done, the rate, the end, failures by reason.

    python -m experiments.corpus_status --corpus=corpus --watch

Reads the folder of `experiments.encode_corpus` from any machine that sees it, while
workers work or not. Exit code: 0 all done, 1 something is missing, failed or damaged,
2 bad usage.
"""

import json
import pathlib
import time

from absl import flags

from experiments.corpus import corpus_reports, layout
from experiments.launch import command_line, flag_types
from jax_encoder.io import loading

_CORPUS = flags.DEFINE_string(
    "corpus", None, "The folder of the corpus.", required=True
)
_WATCH = flags.DEFINE_boolean("watch", False, "Look again until all is done.")
_SECONDS = flag_types.define_number(
    "seconds", 5.0, "How many seconds pass between two looks.", 0.1, 86400
)
_JSON = flags.DEFINE_boolean("json", False, "Print a line of JSON per look.")
_PROMETHEUS = flags.DEFINE_string(
    "prometheus", None, "Write the state to this file too, for Prometheus."
)


def main(argv):
    """Looks and tells; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    try:
        corpus = layout.read(_CORPUS.value)
    except loading.LoadError as error:
        raise command_line.UsageError(f"No corpus: {error}.") from error
    known: dict[int, corpus_reports.Counted] = {}
    while True:
        status = corpus_reports.CorpusStatus.of(corpus, known)
        print(
            json.dumps(status.to_json()) if _JSON.value else status.text(), flush=True
        )
        if _PROMETHEUS.value:
            path = pathlib.Path(_PROMETHEUS.value)
            corpus_reports.write_metrics(corpus, status, path)
        if status.is_complete or not _WATCH.value:
            is_good = status.is_complete and not status.num_failed
            return int(not is_good)
        time.sleep(_SECONDS.value)


if __name__ == "__main__":
    command_line.run(main)
