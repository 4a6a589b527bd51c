"""Published directions by name: small files, fetched like the zoo's checkpoints."""

import pathlib
from collections.abc import Callable

from converters.zoo import catalog
from converters.zoo.table import E4E, INTERFACEGAN, ZooEntry

_BOUNDARIES = {
    "age": "4317407b6601233af2ccdd912f30622636309a05c799c36cc5ce25271bb66488",
    "age_c_eyeglasses": "7ecaf2f7e5bde4749792990b1d1be95636e99ce5ffe61ef2df4d9f79b7ae67"
    "1b",
    "age_c_gender": "e9defc75fddaca12b7c0cef4fe87dfb9c9778e2ab1921b466657e241388a5e62",
    "age_w": "f92c72c6621fd9630a2100168462a15a531bee410099847fdcdf844159eb7e30",
    "eyeglasses": "449efdec8d5890db3697f083a1c8525e84a03b6ca04ac0da8c14ad1be2985d83",
    "eyeglasses_c_age": "5f0d6dc4a2c37a4345c9278189bb4652f1af5d06323575d100cda8e1a97838"
    "3f",
    "eyeglasses_c_gender": "9705c101d9156c7c35c897828b654495b0b1893760e78ca97daf7c9b2ed"
    "415ab",
    "eyeglasses_w": "ac826235cc7347eb1f57ba9e6e2904e52f34a6052a4db03dc693648a4f231cc5",
    "gender": "4fd66591b88ab174605db9e8e7fb2c2cdcd366d0bf4d068cbee0843e04c02100",
    "gender_w": "077953b129bbb52605b3391d4824938c9ded35337f60d282478c72dcc3c5c28f",
    "pose": "5f86d2db1961c9636b3c172a822a038641060d7a7d55a3912a6881e46996df78",
    "pose_w": "688585cf4d2bc3eead7bc18b4cf6e0985a0beb8a5ed46f25a08b2925d33efc1a",
    "smile": "ea42deb1077732d9689d0b41bee689e6d3605eb863638ac3011935738b020ca6",
    "smile_w": "5a729c200c2c933806116cb77624ccedbd6fce21aa98fca8be49aeaa35caa1c7",
}
_E4E = {
    "interfacegan_directions/age.pt": "50074516b1629707d89b5e43d6b8abd1792212fa3b961a8"
    "7a11323d6a5222ae0",
    "interfacegan_directions/pose.pt": "736e0eacc8488fa0b020a2e7bd256b957284c364191dfe"
    "a693705e5d06d43e7d",
    "interfacegan_directions/smile.pt": "817a7e732b59dee9eba862bec8bd7e8373568443bc9f9"
    "731a21cf9b0356f0653",
    "ganspace_pca/ffhq_pca.pt": "4d7f9df1c96180d9026b9cb8d04753579fbf385f321a9d0e263641"
    "601c5e5d36",
}


def _entries() -> list[ZooEntry]:
    boundaries = (
        "https://raw.githubusercontent.com/genforce/interfacegan/master/boundaries"
    )
    editings = "https://raw.githubusercontent.com/omertov/encoder4editing/main/editings"
    rows = [
        ZooEntry(
            name=f"interfacegan-ffhq-{name.replace('_', '-')}",
            file=f"stylegan_ffhq_{name}_boundary.npy",
            urls=(f"{boundaries}/stylegan_ffhq_{name}_boundary.npy",),
            license="MIT",
            citation=INTERFACEGAN,
            sha256=digest,
        )
        for name, digest in _BOUNDARIES.items()
    ]
    for path, digest in _E4E.items():
        stem = pathlib.PurePath(path).stem
        row = ZooEntry(
            name=f"e4e-ffhq-{stem.removeprefix('ffhq_')}",
            file=f"e4e_ffhq_{stem.removeprefix('ffhq_')}.pt",
            urls=(f"{editings}/{path}",),
            license="MIT",
            citation=E4E,
            sha256=digest,
        )
        rows.append(row)
    return rows


ENTRIES: dict[str, ZooEntry] = {entry.name: entry for entry in _entries()}


def locate(
    name: str, *, announce: Callable[[ZooEntry], None] | None = None
) -> pathlib.Path | None:
    """The file of published directions, downloaded if it is not there yet.

    Args:
      name: such as "interfacegan-ffhq-age-w" or "e4e-ffhq-pca".
      announce: is called before a download.

    Returns:
      The file; None if no published directions have this name.

    Raises:
      ZooError: it cannot be downloaded.
    """
    entry = ENTRIES.get(name)
    if entry is None:
        return None
    if announce is not None:
        announce(entry)
    return catalog.download(entry)
