"""An engine that needs no generator: the picture is the mean of its code's rows."""

import time

import numpy as np

from experiments.runs import engines

NUM_WS, SIDE = 3, 4


class ToyEngine:
    """Gradient descent on `|mean over rows of ws - picture|^2`, in NumPy."""

    def __init__(
        self, num_steps=10, chunk=2, pause=0.0, diverges=lambda target: False, seed=0
    ):
        self.resolution, self.num_steps, self.chunk = SIDE, num_steps, chunk
        self.channels, self.multiple = 3, 1
        self.extensions, self.finishing_share = (), 0.0
        self.pause, self.diverges = pause, diverges
        self.settings = {"num_steps": num_steps, "seed": seed}
        self.details = {"space": "w+", "preset": "toy", "generator_sha256": "0" * 64}
        self.sizes, self.chunks = [], []

    def init(self, targets, names):
        self.sizes.append(len(targets))
        return self.template(targets)

    def template(self, targets):
        shape = (len(targets), NUM_WS, SIDE * SIDE * 3)
        ws = np.zeros(shape, np.float32)
        return {"ws": ws, "momentum": ws, "step": np.zeros((), np.int32)}

    def iterate(self, targets, state):
        flat = targets.reshape(len(targets), 1, -1)
        nan = np.array([np.nan if self.diverges(t) else 0.0 for t in targets])
        while state["step"] < self.num_steps:
            time.sleep(self.pause)
            count = min(self.chunk, self.num_steps - int(state["step"]))
            self.chunks.append(int(state["step"]))
            losses = []
            for _ in range(count):
                error = state["ws"].mean(1, keepdims=True) - flat
                losses.append(np.square(error).mean((1, 2)) + nan)
                momentum = 0.5 * state["momentum"] + error
                ws = state["ws"] - np.float32(0.3) * momentum
                step = state["step"] + np.int32(1)
                state = {"ws": ws, "momentum": momentum, "step": step}
            yield state, np.stack(losses)

    def render(self, targets, state):
        return state["ws"].mean(1).reshape(-1, SIDE, SIDE, 3)

    def finish(self, targets, state, num):
        images = self.render(targets, state)
        error = np.square(images - targets).mean((1, 2, 3))
        return engines.EngineOutcome(
            ws=state["ws"],
            images=images,
            measures={"psnr": 10 * np.log10(4 / error), "lpips": error},
            is_diverged=np.array([bool(self.diverges(t)) for t in targets]),
            arrays={"noise_00": state["momentum"][:, 0]},
        )
