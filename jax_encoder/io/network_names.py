"""Names of networks in bundles of earlier versions, and what they are called today.

A bundle names its network as "module:Class". A class that is renamed gets a row here,
so that the bundles that people own go on loading; their digests hold with either name.
"""

_NN = "jax_encoder.nn"
RENAMED = {
    f"{_NN}.stylegan1:Generator": f"{_NN}.stylegan1:StyleGAN1Generator",
    f"{_NN}.stylegan2:Generator": f"{_NN}.stylegan2:StyleGAN2Generator",
    f"{_NN}.stylegan3:Generator": f"{_NN}.stylegan3:StyleGAN3Generator",
    f"{_NN}.stylegan2_discriminator:Discriminator": (
        f"{_NN}.stylegan2_discriminator:StyleGAN2Discriminator"
    ),
    f"{_NN}.inverter:Inverter": f"{_NN}.encoder_decoder:EncoderDecoder",
}


def current(name: str) -> str:
    """Returns today's name of a network; of one that never changed, the same.

    Args:
      name: "module:Class" as a bundle of any version has it.
    """
    return RENAMED.get(name, name)
