"""Fuzzes the readers of checkpoints with atheris (coverage-guided).

    pip install -e '.[fuzz]'
    python -m fuzz.seeds corpus
    python -m fuzz.readers corpus -max_total_time=600 -rss_limit_mb=1024 -timeout=5

Anything but success or a ConversionError is a finding, and so are more than 5 seconds
or 1 GiB; libFuzzer then writes the input to a file.
"""

import importlib
import sys


def check(data: bytes) -> bool:
    """Reads, lists and recognizes one input; whether it was accepted.

    Raises:
      Exception: anything but a ConversionError is a defect.
    """
    from converters import conversion_errors, inspection
    from converters.formats import kinds, persistence, tf_networks
    from converters.readers import contents

    try:
        tree = contents.parse(memoryview(data))[1]
        inspection.walk(tree)
        finding = kinds.find(tree)
        assert not (finding.layout and finding.candidates)
        assert all(isinstance(part, str) for part in finding.parts)
        values = tree.values() if isinstance(tree, dict) else tree
        for value in values if isinstance(values, list | tuple) else ():
            if persistence.is_module(value):
                persistence.state_dict(value)
            if tf_networks.is_network(value):
                tf_networks.variables(value)
    except conversion_errors.ConversionError:
        return False
    return True


def main() -> None:
    """Runs libFuzzer."""
    atheris: object = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["converters"]):
        import converters  # noqa: F401
    atheris.Setup(sys.argv, lambda data: check(data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
