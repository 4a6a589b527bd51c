"""The fuzzer's seeds are accepted; random damage to them raises nothing else."""

import random

import pytest

from fuzz import readers, seeds

SEEDS = seeds.make()


@pytest.mark.parametrize("name", SEEDS)
def test_seeds(name):
    assert len(SEEDS[name]) < 4096
    assert readers.check(SEEDS[name])


def mutate(data, generator):
    """One to four edits: flip, overwrite, delete, repeat, or join with a seed."""
    data = bytearray(data)
    for _ in range(generator.randint(1, 4)):
        where = generator.randrange(len(data) + 1)
        other = SEEDS[generator.choice(list(SEEDS))]
        size = generator.randint(1, 16)
        start = generator.randrange(len(other))
        replaced = generator.choice((0, 0, 1, size))
        piece = generator.choice(
            (
                bytes([generator.randrange(256)]),
                other[start : start + size],
                b"\xff\xff\xff\x7f",
                b"",
                data[where : where + size] * 2,
            )
        )
        data[where : where + replaced] = piece
    return bytes(data)


def test_seeds_of_layouts_lead_into_their_recognizers():
    from converters.formats import kinds
    from converters.readers import contents

    for name in ("genforce_stylegan1", "genforce_stylegan2", "idinvert_encoder"):
        tree = contents.parse(memoryview(SEEDS[f"{name}.zip"]))[1]
        assert [kind.name for kind in kinds.recognize(tree)] == [name]


@pytest.mark.parametrize("name", SEEDS)
def test_mutations(name):
    generator = random.Random(name)
    for _ in range(150):
        readers.check(mutate(SEEDS[name], generator))
