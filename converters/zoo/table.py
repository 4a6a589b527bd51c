"""The rows of the zoo."""

import dataclasses

NVIDIA_NC = "NVIDIA Source Code License-NC (non-commercial)"
NVIDIA_SG3 = "NVIDIA Source Code License (research or evaluation, non-commercial)"
CC_BY_NC = "CC BY-NC 4.0"
DERIVED = "code MIT; the generator derives from NVIDIA's non-commercial weights"

SG1 = "Karras et al. 2019, A Style-Based Generator Architecture, arXiv:1812.04958"
SG2 = "Karras et al. 2020, Analyzing and Improving StyleGAN, arXiv:1912.04958"
ADA = "Karras et al. 2020, Training GANs with Limited Data, arXiv:2006.06676"
SG3 = "Karras et al. 2021, Alias-Free GANs, arXiv:2106.12423"
INTERFACEGAN = "Shen et al. 2020, InterFaceGAN, arXiv:2005.09635"
ROSINALITY = f"{SG2}; converted by rosinality/stylegan2-pytorch"
II2S = "Zhu et al. 2020, Improved StyleGAN Embedding, arXiv:2012.09036"
PSP = "Richardson et al. 2021, Encoding in Style, arXiv:2008.00951"
E4E = "Tov et al. 2021, Designing an Encoder for StyleGAN, arXiv:2102.02766"
RESTYLE = "Alaluf et al. 2021, ReStyle, arXiv:2104.02699"
ARCFACE = "Deng et al. 2019, ArcFace, arXiv:1801.07698"
LPIPS = "Zhang et al. 2018, The Unreasonable Effectiveness, arXiv:1801.03924"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ZooEntry:
    """A published checkpoint.

    Attributes:
      name: what a person types.
      file: its name in the cache.
      urls: where it lies, tried in turn.
      license: of the weights.
      citation: the paper.
      sha256: of the file, or its first digits; None where none is known.
      size: in bytes, where known.
      kind: what `converters.load` must be told; None: recognized by content.
    """

    name: str
    file: str
    urls: tuple[str, ...]
    license: str
    citation: str
    sha256: str | None = None
    size: int | None = None
    kind: str | None = None


def _drive(identifier: str) -> tuple[str, ...]:
    """The addresses of a file on Google Drive."""
    return (
        f"https://drive.usercontent.google.com/download?id={identifier}"
        "&export=download&confirm=t",
        f"https://drive.google.com/uc?id={identifier}&export=download",
    )


def _stylegan1() -> list[ZooEntry]:
    files = {
        "stylegan1-ffhq-1024": ("ffhq-1024x1024", "1MEGjdvVpUsu1jB4zrXZN7Y4kBBOzizDQ"),
        "stylegan1-celebahq-1024": (
            "celebahq-1024x1024",
            "1MGqJl28pN4t7SAtSrPdSRJSQJqahkzUf",
        ),
        "stylegan1-bedrooms-256": (
            "bedrooms-256x256",
            "1MOSKeGF0FJcivpBI7s63V9YHloUTORiF",
        ),
        "stylegan1-cars-512x384": ("cars-512x384", "1MJ6iCfNtMIRicihwRorsM3b7mmtmK9c3"),
        "stylegan1-cats-256": ("cats-256x256", "1MQywl0FNt6lHu8E_EUqnRbviagS7fbiJ"),
    }
    entries = [
        ZooEntry(
            name=name,
            file=f"karras2019stylegan-{stem}.pkl",
            urls=_drive(identifier),
            license=CC_BY_NC,
            citation=SG1,
        )
        for name, (stem, identifier) in files.items()
    ]
    for name, folder in (("ffhq", "qyv37eaobnow7fu"), ("celebahq", "nmo2g3u0qt7x70m")):
        entries.append(
            ZooEntry(
                name=f"interfacegan-stylegan-{name}",
                file=f"stylegan_{name}.pth",
                urls=(f"https://www.dropbox.com/s/{folder}/stylegan_{name}.pth?dl=1",),
                license="code MIT; the weights derive from NVIDIA's, CC BY-NC 4.0",
                citation=f"{SG1}; {INTERFACEGAN}",
            )
        )
    return entries


_CONFIG_F = {
    "ffhq": (
        381_673_535,
        "adf127ea7bb8a7788c8bdeda3c9937f7310b669b09ecf799ca53a631ff46948d",
    ),
    "car": (
        364_027_523,
        "e1618eee2b3ce87c4a3849442f7850ef12a478556bff035c8e09ee7e23b3794c",
    ),
    "cat": (
        357_418_027,
        "08940fd616cfaf6bc7b0286b5d1a0b3f70febb26e136d64716c8d3f5e9bd3883",
    ),
    "church": (
        357_418_027,
        "4090c5f83b44b83475c84864188aa39a0fb72694492302b7e6af36aad0d18104",
    ),
    "horse": (
        357_418_027,
        "cbc73372c7d82d095913ca8b4b9f170560777175bd7c3b8a75dd55d70807f32b",
    ),
}
_CDN = "https://nvlabs-fi-cdn.nvidia.com"
_NGC = "https://api.ngc.nvidia.com/v2/models/nvidia/research"
_ADA_FILES = (
    *("ffhq", "metfaces", "afhqcat", "afhqdog", "afhqwild", "brecahad", "cifar10"),
)
_REPACKS = (
    *("ffhq-1024x1024", "ffhq-512x512", "ffhq-256x256", "ffhqu-1024x1024"),
    *("ffhqu-256x256", "metfaces-1024x1024", "metfacesu-1024x1024"),
    *("afhqcat-512x512", "afhqdog-512x512", "afhqwild-512x512", "afhqv2-512x512"),
    *("brecahad-512x512", "cifar10-32x32", "celebahq-256x256", "lsundog-256x256"),
)
_REPACK_HASHES = {
    "ffhq-512x512": "d2b1c92f41ce8a64c55f7a75ef06c4c0eef9e17b1eb29aae8c10fb37b3e60478",
}


def _stylegan2() -> list[ZooEntry]:
    entries = [
        ZooEntry(
            name=f"stylegan2-{name}-config-f",
            file=f"stylegan2-{name}-config-f.pkl",
            urls=(f"{_CDN}/stylegan2/networks/stylegan2-{name}-config-f.pkl",),
            license=NVIDIA_NC,
            citation=SG2,
            sha256=digest,
            size=size,
        )
        for name, (size, digest) in _CONFIG_F.items()
    ]
    for name in _ADA_FILES:
        is_ffhq = name == "ffhq"
        digest = "a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c"
        entries.append(
            ZooEntry(
                name=f"stylegan2-ada-{name}",
                file=f"stylegan2-ada-{name}.pkl",
                urls=(f"{_CDN}/stylegan2-ada-pytorch/pretrained/{name}.pkl",),
                license=NVIDIA_NC,
                citation=ADA,
                sha256=digest if is_ffhq else None,
                size=381_624_121 if is_ffhq else None,
            )
        )
    for stem in _REPACKS:
        entries.append(
            ZooEntry(
                name=f"stylegan2-{stem}",
                file=f"stylegan2-{stem}.pkl",
                urls=(f"{_NGC}/stylegan2/versions/1/files/stylegan2-{stem}.pkl",),
                license=NVIDIA_SG3,
                citation=f"{SG2}; {ADA}",
                sha256=_REPACK_HASHES.get(stem),
            )
        )
    return entries


_SG3_SETS = (
    *("ffhq-1024x1024", "ffhqu-1024x1024", "ffhqu-256x256"),
    *("metfaces-1024x1024", "metfacesu-1024x1024", "afhqv2-512x512"),
)


def _stylegan3() -> list[ZooEntry]:
    return [
        ZooEntry(
            name=f"stylegan3-{config}-{stem}",
            file=f"stylegan3-{config}-{stem}.pkl",
            urls=(f"{_NGC}/stylegan3/versions/1/files/stylegan3-{config}-{stem}.pkl",),
            license=NVIDIA_SG3,
            citation=SG3,
        )
        for config in ("t", "r")
        for stem in _SG3_SETS
    ]


# Of other authors: name -> (file, identifier, citation).
_ON_DRIVE = {
    "rosinality-ffhq-1024": (
        "stylegan2-ffhq-config-f.pt",
        "1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
        ROSINALITY,
    ),
    "rosinality-ffhq-256": (
        "550000.pt",
        "1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO",
        ROSINALITY,
    ),
    "e4e-ffhq": ("e4e_ffhq_encode.pt", "1cUv_reLE6k3604or78EranS7XzuVMWeO", E4E),
    "e4e-cars": ("e4e_cars_encode.pt", "17faPqBce2m1AQeLCLHUVXaDfxMRU2QcV", E4E),
    "e4e-horse": ("e4e_horse_encode.pt", "1TkLLnuX86B_BMo2ocYD0kX9kWh53rUVX", E4E),
    "e4e-church": (
        "e4e_church_encode.pt",
        "1-L0ZdnQLwtdy6-A_Ccgq5uNJGTqE7qBa",
        E4E,
    ),
    "psp-ffhq": ("psp_ffhq_encode.pt", "1bMTNWkh5LArlaWSc_wa8VKyq2V42T2z0", PSP),
}
_RESTYLE = {
    "psp": {
        "ffhq": "1sw6I2lRIB0MpuJkpc8F5BJiSZrc0hjfE",
        "cars": "1zJHqHRQ8NOnVohVVCGbeYMMr6PDhRpPR",
        "church": "1bcxx7mw-1z7dzbJI_z7oGpWG1oQAvMaD",
        "wild": "1GyFXVTNDUw3IIGHmGS71ChhJ1Rmslhk7",
    },
    "e4e": {
        "ffhq": "1e2oXVeBPXMQoUoC_4TNwAWpOPpSEhE_e",
        "cars": "1v6Yi-Yne6JX0Pyas6XPS83IzKKUvCe8r",
        "church": "1sCRzbM1fGTgTbWO87jP_rxApw-tS0CH_",
        "wild": "1HQlUPKirShHyL3kGnwVRjhfcb-j9s4V3",
        "horse": "19_sUpTYtJmhSAolKLm3VgI-ptYqd-hgY",
    },
}
_II2S = {
    "ffhq": "1AT6bNR2ppK8f2ETL_evT27f3R_oyWNHS",
    "metfaces": "16wM2PwVWzaMsRgPExvRGsq6BWw_muKbf",
    "afhqdog": "16v6jPtKVlvq8rg2Sdi3-R9qZEVDgvvEA",
    "afhqcat": "1HXLER5R3EMI8DSYDBZafoqpX4EtyOf2R",
    "afhqwild": "14OnzO4QWaAytKXVqcfWo_o2MzoR4ygnr",
}


def _on_drive() -> list[ZooEntry]:
    """Checkpoints of other authors on Google Drive."""
    files = dict(_ON_DRIVE)
    for base, domains in _RESTYLE.items():
        for domain, identifier in domains.items():
            file = f"restyle_{base}_{domain}_encode.pt"
            files[f"restyle-{base}-{domain}"] = (file, identifier, RESTYLE)
    for domain, identifier in _II2S.items():
        files[f"ii2s-{domain}"] = (f"ii2s_{domain}.pt", identifier, II2S)
    return [
        ZooEntry(
            name=name,
            file=file,
            urls=_drive(identifier),
            license=DERIVED,
            citation=cite,
        )
        for name, (file, identifier, cite) in files.items()
    ]


_LPIPS_HASHES = {
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "squeeze": "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
}
_LPIPS_SIZES = {"vgg": 7_289, "alex": 6_009, "squeeze": 10_811}
_OXFORD = "http://www.robots.ox.ac.uk/~albanie/models/pytorch-mcn"


_PERCEPTUAL = (
    ZooEntry(
        name="vgg16",
        file="vgg16-397923af.pth",
        urls=("https://download.pytorch.org/models/vgg16-397923af.pth",),
        license="BSD-3-Clause (code); trained on ImageNet",
        citation="Simonyan & Zisserman 2015, VGG, arXiv:1409.1556",
        sha256="397923af",
    ),
    ZooEntry(
        name="alexnet",
        file="alexnet-owt-7be5be79.pth",
        urls=("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
        license="BSD-3-Clause (code); trained on ImageNet",
        citation="Krizhevsky et al. 2012, ImageNet Classification",
        sha256="7be5be79",
    ),
    ZooEntry(
        name="squeezenet",
        file="squeezenet1_1-b8a52dc0.pth",
        urls=("https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",),
        license="BSD-3-Clause (code); trained on ImageNet",
        citation="Iandola et al. 2016, SqueezeNet, arXiv:1602.07360",
        sha256="b8a52dc0",
    ),
    ZooEntry(
        name="vgg-face",
        file="vgg_face_dag.pth",
        urls=(f"{_OXFORD}/vgg_face_dag.pth",),
        license="research, non-commercial",
        citation="Parkhi et al. 2015, Deep Face Recognition",
    ),
    ZooEntry(
        name="vggface2-resnet50",
        file="resnet50_scratch_dag.pth",
        urls=(f"{_OXFORD}/resnet50_scratch_dag.pth",),
        license="research, non-commercial",
        citation="Cao et al. 2018, VGGFace2, arXiv:1710.08092",
    ),
    ZooEntry(
        name="arcface-irse50",
        file="model_ir_se50.pth",
        urls=_drive("1KW7bjndL3QG3sxBbZxreGHigcCCpsDgn"),
        license="code MIT; the terms of the training data are unclear",
        citation=ARCFACE,
        sha256="a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28",
        size=175_367_323,
    ),
    ZooEntry(
        name="inception-fid",
        file="pt_inception-2015-12-05-6726825d.pth",
        urls=(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
            "pt_inception-2015-12-05-6726825d.pth",
        ),
        license="Apache-2.0",
        citation="Heusel et al. 2017, GANs Trained by a Two Time-Scale, "
        "arXiv:1706.08500",
        sha256="6726825d",
    ),
)


def _lpips_heads() -> list[ZooEntry]:
    return [
        ZooEntry(
            name=f"lpips-{net}-heads",
            file=f"lpips_{net}.pth",
            urls=(
                "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
                f"master/lpips/weights/v0.1/{net}.pth",
            ),
            license="BSD-2-Clause",
            citation=LPIPS,
            sha256=digest,
            size=_LPIPS_SIZES[net],
        )
        for net, digest in _LPIPS_HASHES.items()
    ]


ENTRIES: tuple[ZooEntry, ...] = (
    *_stylegan1(),
    *_stylegan2(),
    *_stylegan3(),
    *_on_drive(),
    *_lpips_heads(),
    *_PERCEPTUAL,
)

# Distances of two files: name -> (the trunk's name, the heads' name).
PAIRS: dict[str, tuple[str, str]] = {
    "lpips-vgg": ("vgg16", "lpips-vgg-heads"),
    "lpips-alex": ("alexnet", "lpips-alex-heads"),
    "lpips-squeeze": ("squeezenet", "lpips-squeeze-heads"),
}
