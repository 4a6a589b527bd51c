"""Layouts that are known and not supported: what each is, why not, what to do."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from converters.formats import persistence
from converters.formats.views import View
from converters.readers.records import Record


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnsupportedLayout:
    """A layout that no kind builds.

    Attributes:
      name: what the network is called.
      reason: why it is not supported.
      remedy: what a person can do instead.
      entries: sets of names; a table that has all of one set is of this layout.
      absent: a name that the table must not have.
      classes: names of pickled classes that tell the layout.
    """

    name: str
    reason: str
    remedy: str
    entries: tuple[tuple[str, ...], ...] = ()
    absent: str = ""
    classes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Says for a message what it is, why it is not supported, and what to do."""
        return f"{self.name}, known and not supported: {self.reason}; {self.remedy}"

    def fits(self, tree: object) -> bool:
        """Whether a part of a file is of this layout."""
        if persistence.is_module(tree):
            return _has_class(tree, self.classes)
        return isinstance(tree, dict) and (
            self.absent not in tree
            and any(all(name in tree for name in names) for names in self.entries)
        )


_FACES = "for faces take an FFHQ generator of NVIDIA or rosinality"
_OTHER = "there is no W space to invert into"
_RESTORE = "it restores pictures and draws none from a code"

LAYOUTS = (
    UnsupportedLayout(
        name="StyleGAN2 of lucidrains/stylegan2-pytorch",
        reason="its blocks differ (another modulation, noise and RGB path)",
        remedy="train or take the same data with NVIDIA's or rosinality's program",
        entries=(("blocks.0.to_style1.weight",),),
    ),
    UnsupportedLayout(
        name="GFPGAN",
        reason=f"{_RESTORE}; its decoder is steered by a U-Net",
        remedy=_FACES,
        entries=(("condition_scale.0.0.weight",),),
    ),
    UnsupportedLayout(
        name="StyleGAN2 of BasicSR",
        reason="its names and its constant differ from every supported program",
        remedy=f"take the file that it was converted from; {_FACES}",
        entries=(("constant_input.weight", "style_conv1.modulated_conv.weight"),),
    ),
    UnsupportedLayout(
        name="StyleGAN2 of MMGeneration (OpenMMLab)",
        reason="its names differ from every supported program",
        remedy="take the file of NVIDIA or rosinality that it was converted from",
        entries=(("constant_input.const",), ("generator_ema.constant_input.const",)),
    ),
    UnsupportedLayout(
        name="SWAGAN",
        reason="it draws wavelets instead of colors",
        remedy="train or take the same data with plain StyleGAN2",
        entries=(("iwt.ll",), ("to_rgbs.0.iwt.ll",), ("to_rgbs.0.dwt.ll",)),
    ),
    UnsupportedLayout(
        name="EG3D",
        reason="it renders a volume from camera poses",
        remedy="for plain pictures take StyleGAN2 or 3 of the same data",
        entries=(
            ("backbone.synthesis.b4.const", "decoder.net.0.weight"),
            ("superresolution.block0.conv0.weight",),
        ),
        classes=("TriPlaneGenerator",),
    ),
    UnsupportedLayout(
        name="StyleGAN-XL",
        reason="its mapping is fed by a pretrained classifier's class vectors and its"
        " synthesis is grown in stages",
        remedy="take StyleGAN2-ADA or 3 of a single domain",
        entries=(("mapping.embed_proj.weight",),),
        classes=("SuperresGenerator", "SuperresSynthesisNetwork"),
    ),
    UnsupportedLayout(
        name="FastGAN",
        reason=f"it has no mapping network and no styles: {_OTHER}",
        remedy="train StyleGAN2-ADA on the data (experiments.train_gan)",
        entries=(
            ("init.init.0.weight_orig", "feat_8.1.weight_orig"),
            ("init.init.0.weight_orig",),
        ),
    ),
    UnsupportedLayout(
        name="Progressive GAN",
        reason=_OTHER,
        remedy="take StyleGAN1 of the same data (CelebA-HQ is in the zoo)",
        entries=(("layer0.wscale.bias", "output0.conv.weight"),),
    ),
    UnsupportedLayout(
        name="BigGAN",
        reason=_OTHER,
        remedy="take a StyleGAN of a single domain",
        entries=(
            ("blocks.0.0.conv1.u0",),
            ("generator.gen_z.weight_orig",),
            ("gen_z.weight_orig",),
        ),
    ),
    UnsupportedLayout(
        name="StarGAN v2",
        reason="it translates pictures instead of drawing them from a code",
        remedy="take StyleGAN2 of the same data (AFHQ is in the zoo)",
        entries=(("encode.0.conv1.weight", "from_rgb.weight"),),
    ),
    UnsupportedLayout(
        name="VQGAN or CodeFormer",
        reason="its code is a grid of words of a dictionary",
        remedy=_FACES,
        entries=(("quantize.embedding.weight",),),
    ),
    UnsupportedLayout(
        name="a diffusion model",
        reason=_OTHER,
        remedy="take a StyleGAN of a single domain",
        entries=(
            ("model.diffusion_model.input_blocks.0.0.weight",),
            ("down_blocks.0.resnets.0.conv1.weight",),
        ),
    ),
    UnsupportedLayout(
        name="GHFeat's encoder (genforce)",
        reason="it gives styles of every layer, not rows of w",
        remedy="take pSp, e4e or the encoder of in-domain inversion",
        entries=(("sam.fusion_conv_list.0.weight",), ("head0.fc.weight",)),
    ),
    UnsupportedLayout(
        name="BiSeNet's face parser",
        reason="no method here uses it",
        remedy="draw a mask by hand",
        entries=(("cp.resnet.conv1.weight",),),
    ),
    UnsupportedLayout(
        name="MoCo v2",
        reason="no method here uses it",
        remedy="for identities take ArcFace, for other domains VGG or LPIPS",
        entries=(("encoder_q.conv1.weight",),),
    ),
    UnsupportedLayout(
        name="IR-SE without gates (IR-50 or IR-101, CurricularFace)",
        reason="only the body with squeeze-and-excitation is built",
        remedy="take ArcFace's model_ir_se50.pth (zoo: arcface-irse50)",
        entries=(("input_layer.0.weight", "output_layer.3.weight"),),
        absent="body.0.res_layer.5.fc1.weight",
    ),
    UnsupportedLayout(
        name="a ResNet of torchvision",
        reason="no method here uses it",
        remedy="give VGG16, LPIPS or VGGFace2's ResNet-50 (zoo: vggface2-resnet50)",
        entries=(("layer1.0.conv1.weight", "layer4.1.conv1.weight", "fc.weight"),),
    ),
)

_OBLONG = UnsupportedLayout(
    name="a StyleGAN whose pictures are not square (StyleGAN-Human and others)",
    reason="every network here draws squares",
    remedy="take a generator of square pictures, or train one on padded pictures",
)
_CONSTANTS = (
    "input.input",
    "synthesis.b4.const",
    "b4.const",
    "synthesis.layer0.const",
    "synthesis.early_layer.const",
)


def find(views: Iterable[View]) -> UnsupportedLayout | None:
    """The layout of any part of a file, or None."""
    for view in views:
        if _is_oblong(view.tree):
            return _OBLONG
        for layout in LAYOUTS:
            if layout.fits(view.tree):
                return layout
    return None


def _is_oblong(tree: object) -> bool:
    """Whether the learnt input of a generator is not square."""
    if persistence.is_module(tree):
        tables = [_module(tree, path) for path in ("synthesis.b4", "b4")]
        found = [table.get("_parameters") for table in tables if table is not None]
        tree = {
            f"b4.{k}": v for t in found if isinstance(t, dict) for k, v in t.items()
        }
    if not isinstance(tree, dict):
        return False
    for name in _CONSTANTS:
        constant = tree.get(name)
        if isinstance(constant, np.ndarray) and constant.ndim >= 2:
            return constant.shape[-1] != constant.shape[-2]
    return False


def _module(record: Record, path: str) -> Record | None:
    for name in path.split("."):
        inner = persistence.submodules(record)
        if name not in inner:
            return None
        record = inner[name]
    return record


def _has_class(record: Record, classes: tuple[str, ...]) -> bool:
    inner = list(persistence.submodules(record).values())[:64]
    return any(module.class_name in classes for module in (record, *inner))
