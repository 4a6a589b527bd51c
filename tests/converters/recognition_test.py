"""Every network's state dict is recognized as what it is, and as nothing else."""

import json

import numpy as np
import pytest

from converters.formats import kinds

EXPECTED = {
    ("net_vgg16", "vgg16"): ["vgg16"],
    ("net_vgg_face_dag", "vgg_face_dag"): ["vgg_face"],
    ("net_lpips", "vgg_trunk"): ["vgg16"],
    ("net_lpips", "alex_trunk"): ["alexnet"],
    ("net_lpips", "squeeze_trunk"): ["squeezenet"],
    ("net_irse50", "ir_se50"): ["arcface"],
    ("net_resnet50_scratch_dag", "resnet50_scratch_dag"): ["vggface2"],
    ("net_fid_inception", "fid_inception"): ["fid_inception"],
    ("net_image_to_latent", "image_to_latent"): ["image_to_latent"],
    ("net_ml1652", "vgg_to_latent"): ["vgg_to_latent"],
    ("net_ml1652", "celeba_regressor"): ["descriptor_head"],
    ("net_ml1652", "landmarks_regressor"): ["descriptor_head"],
    ("net_ml1652", "pose_regressor"): ["descriptor_head"],
    ("net_ml1652", "image_to_landmarks"): ["image_to_landmarks"],
    ("net_latent_discriminator", "discriminator"): ["latent_discriminator"],
    ("net_psp_n8", "encoder"): ["psp", "e4e"],
    ("net_e4e_n10", "encoder"): ["psp", "e4e"],
    ("net_restyle_psp_n6", "encoder"): ["restyle_psp", "restyle_e4e"],
    ("net_restyle_resnet_n4", "encoder"): ["restyle_psp", "restyle_e4e"],
}


@pytest.mark.parametrize(("fixture", "which"), EXPECTED)
def test_state_dicts_are_recognized(golden, fixture, which):
    sets = json.loads((golden / fixture / "weights.json").read_text())
    zero = np.zeros((), np.float32)
    tree = {
        name: np.broadcast_to(zero, shape) for name, shape, *_ in sets[which]["tensors"]
    }
    found = [kind.name for kind in kinds.recognize(tree)]
    assert found == EXPECTED[fixture, which]
