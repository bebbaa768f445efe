"""Train the digits example from nothing and write its files beside this script.

    python models/digits/train.py [--output FOLDER]

Writes digits_int8.tflite, digits_float.tflite, digits_float.onnx, labels.txt and
samples/. Needs numpy, scikit-learn (for the pictures only), ai-edge-litert and onnx.

The same bytes on every machine
-------------------------------
A floating-point sum depends on its order, and so on the BLAS, the number of
threads and the CPU. Here no sum ever rounds: what goes into one is first put on
a grid (a multiple of 2**-12 or 2**-16) and is so small that every partial sum is
a whole number below 2**53 of such steps, which float64 holds exactly. `product`
checks that bound. All the rest is element by element, where IEEE 754 fixes the
result; `exponential` replaces numpy's exp, which differs between CPUs. The order
of the pictures comes from Python's `random.Random.random`, which Python promises
not to change.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import export
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bytes = NDArray[np.uint8]

SEED = 20
EPOCHS = 24
BATCH = 32
RATE = 0.05
MOMENTUM = 0.9
DECAY = 1e-4
VALUE_BITS = 12  # weights and activations are multiples of 2**-12
GRADIENT_BITS = 16


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """8-bit pictures [n, 8, 8] and the digits [n] that they show."""

    pixels: Bytes
    digits: NDArray[np.int64]


def load_pictures() -> tuple[Pictures, Pictures]:
    """Scikit-learn's digits, as (1347 for training, 450 held out: every fourth)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    sixteenths = digits.images.astype(np.int64)  # 0..16
    pixels = ((sixteenths * 510 + 16) // 32).astype(np.uint8)  # 0..255, halves up
    held_out = np.arange(len(pixels)) % 4 == 0
    return (
        Pictures(pixels=pixels[~held_out], digits=digits.target[~held_out]),
        Pictures(pixels=pixels[held_out], digits=digits.target[held_out]),
    )


def on_grid(values: Array, bits: int = VALUE_BITS) -> Array:
    """The nearest multiples of 2**-bits."""
    return np.rint(values * 2.0**bits) * 2.0**-bits


def product(left: Array, right: Array, bits: int) -> Array:
    """left @ right without any rounding; `bits` are those of both grids together.

    Raises ArithmeticError when a sum could leave the range where float64 is exact.
    """
    largest = float(np.abs(left).max() * np.abs(right).max()) * left.shape[1]
    if largest * 2.0**bits >= 2.0**53:
        raise ArithmeticError(f"a sum of up to {largest:.3g} is not exact with {bits} bits")
    return left @ right


def exponential(values: Array) -> Array:
    """e**values for values <= 0, near enough to train with, equal on every machine."""
    result = np.maximum(1.0 + values / 1024.0, 0.0)
    for _ in range(10):
        result = result * result
    return result


def patches(images: Array, size: int, pad: int) -> Array:
    """Every size x size window of [n, h, w, c], as rows [n * h' * w', size * size * c]."""
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    rows = windows.transpose(0, 1, 2, 4, 5, 3)
    return np.ascontiguousarray(rows).reshape(-1, size * size * images.shape[3])


def scatter(rows: Array, shape: tuple[int, ...], size: int, pad: int) -> Array:
    """The transpose of `patches`: adds each window back to where it came from."""
    n, h, w, c = shape
    high, wide = h + 2 * pad - size + 1, w + 2 * pad - size + 1
    windows = rows.reshape(n, high, wide, size, size, c)
    padded = np.zeros((n, h + 2 * pad, w + 2 * pad, c))
    for y in range(size):
        for x in range(size):
            padded[:, y : y + high, x : x + wide] += windows[:, :, :, y, x]
    return padded[:, pad : pad + h, pad : pad + w]


class Network:
    """conv 3x3 1->12, ReLU, conv 3x3 12->20, ReLU, average 2x2, conv 4x4 20->10.

    The last layer is a convolution on purpose: the FULLY_CONNECTED and MEAN
    kernels of TFLite changed their int8 results between versions, CONV_2D and
    AVERAGE_POOL_2D did not.
    """

    layers = ((3, 1, 1, 12), (3, 1, 12, 20), (4, 0, 20, 10))  # size, pad, in, out

    def __init__(self, dice: random.Random) -> None:
        """Random weights (He's range), biases of 0."""
        self.weights: list[Array] = []
        self.biases: list[Array] = []
        for size, _, inputs, outputs in self.layers:
            fan_in = size * size * inputs
            drawn = np.array([dice.random() * 2 - 1 for _ in range(fan_in * outputs)])
            self.weights.append(drawn.reshape(fan_in, outputs) * math.sqrt(6 / fan_in))
            self.biases.append(np.zeros(outputs))
        self.speeds = [np.zeros_like(array) for array in self.weights + self.biases]

    def convolve(self, index: int, images: Array) -> tuple[Array, Array]:
        """(windows, sums on the grid) of one layer."""
        size, pad, _, outputs = self.layers[index]
        windows = patches(images, size, pad)
        sums = product(windows, on_grid(self.weights[index]), 2 * VALUE_BITS)
        side = images.shape[1] + 2 * pad - size + 1
        sums = on_grid(sums + on_grid(self.biases[index]))
        return windows, sums.reshape(len(images), side, side, outputs)

    def forward(self, images: Array) -> tuple[list[Array], list[Array]]:
        """Windows and outputs of the three layers; images are [n, 8, 8, 1] on the grid."""
        first_in, first = self.convolve(0, images)
        first = np.maximum(first, 0.0)
        second_in, second = self.convolve(1, first)
        second = np.maximum(second, 0.0)
        n, _, _, channels = second.shape
        pooled = on_grid(second.reshape(n, 4, 2, 4, 2, channels).sum(axis=(2, 4)) / 4)
        third_in, third = self.convolve(2, pooled)
        return [first_in, second_in, third_in], [first, second, third]

    def gradients(self, images: Array, digits: NDArray[np.int64]) -> list[Array]:
        """Gradients of the mean cross-entropy, in the order weights, then biases."""
        windows, (first, second, scores) = self.forward(images)
        n = len(images)
        logits = scores.reshape(n, 10)
        powers = on_grid(exponential(logits - logits.max(axis=1, keepdims=True)), GRADIENT_BITS)
        slope = powers / powers.sum(axis=1, keepdims=True)
        slope[np.arange(n), digits] -= 1.0
        slope = on_grid(slope, GRADIENT_BITS)
        third, third_bias, back = self.backward(2, windows[2], slope, (n, 4, 4, 20))
        back = np.repeat(np.repeat(back, 2, axis=1), 2, axis=2) / 4 * (second > 0)
        second_slope = on_grid(back, GRADIENT_BITS).reshape(-1, 20)
        weight, bias, back = self.backward(1, windows[1], second_slope, (n, 8, 8, 12))
        first_slope = on_grid(back * (first > 0), GRADIENT_BITS).reshape(-1, 12)
        start = product(windows[0].T, first_slope, VALUE_BITS + GRADIENT_BITS)
        sums = [start, weight, third, first_slope.sum(axis=0), bias, third_bias]
        return [total / n for total in sums]

    def backward(
        self, index: int, windows: Array, slope: Array, shape: tuple[int, ...]
    ) -> tuple[Array, Array, Array]:
        """(gradient of the weights, of the biases, of the layer's input of that shape)."""
        size, pad, _, _ = self.layers[index]
        bits = VALUE_BITS + GRADIENT_BITS
        weight = product(windows.T, slope, bits)
        rows = product(slope, np.ascontiguousarray(on_grid(self.weights[index]).T), bits)
        return weight, slope.sum(axis=0), scatter(rows, shape, size, pad)

    def step(self, gradients: list[Array], rate: float) -> None:
        """One step of gradient descent with momentum and weight decay."""
        for index, (array, gradient) in enumerate(
            zip(self.weights + self.biases, gradients, strict=True)
        ):
            speed = self.speeds[index] * MOMENTUM - (gradient + array * DECAY) * rate
            self.speeds[index] = speed
            array += speed


def as_input(pixels: Bytes) -> Array:
    """What the network sees: pixels / 255, on the grid, [n, 8, 8, 1]."""
    return on_grid(pixels[..., np.newaxis] / 255.0)


def train(pictures: Pictures) -> Network:
    """A trained network. The learning rate falls linearly to nothing."""
    dice = random.Random(SEED)
    network = Network(dice)
    images = as_input(pictures.pixels)
    steps = len(images) // BATCH
    for epoch in range(EPOCHS):
        order = np.argsort([dice.random() for _ in images], kind="stable")
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            gone = (epoch * steps + step) / (EPOCHS * steps)
            gradients = network.gradients(images[chosen], pictures.digits[chosen])
            network.step(gradients, RATE * (1 - gone))
    return network


def as_layers(network: Network, pictures: Pictures) -> list[export.Layer]:
    """Weights as [out, h, w, in] on the grid, and the range of each layer's output."""
    _, outputs = network.forward(as_input(pictures.pixels))
    layers = []
    for index, (size, _, inputs, channels) in enumerate(network.layers):
        weights = on_grid(network.weights[index]).reshape(size, size, inputs, channels)
        layers.append(
            export.Layer(
                weights=weights.transpose(3, 0, 1, 2),
                biases=on_grid(network.biases[index]),
                low=float(outputs[index].min()),
                high=float(outputs[index].max()),
            )
        )
    return layers


def choose_samples(pictures: Pictures) -> list[int]:
    """Sixteen held-out pictures: one of each digit, then the next six of the list."""
    ten = [int(np.argmax(pictures.digits == digit)) for digit in range(10)]
    rest = (index for index in range(len(pictures.digits)) if index not in ten)
    return ten + [next(rest) for _ in range(6)]


def main(arguments: list[str] | None = None) -> None:
    """Train, write every file, print how good each is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    folder: Path = parser.parse_args(arguments).output

    training, held_out = load_pictures()
    layers = as_layers(train(training), training)
    files: dict[str, bytes] = {
        "digits_float.onnx": export.onnx_float(layers),
        "digits_float.tflite": export.tflite_float(layers),
        "digits_int8.tflite": export.tflite_int8(layers),
        "labels.txt": b"".join(b"%d\n" % digit for digit in range(10)),
    }
    for number, index in enumerate(choose_samples(held_out)):
        files[f"samples/{number:02}.pgm"] = b"P5\n8 8\n255\n" + held_out.pixels[index].tobytes()
        print(f"samples/{number:02}.pgm: {held_out.digits[index]}")
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name in ("digits_int8.tflite", "digits_float.tflite", "digits_float.onnx"):
        answers: Any = export.answers(files[name], held_out.pixels)
        right = int((answers == held_out.digits).sum())
        print(export.line(name, files[name], right, len(held_out.digits)))


if __name__ == "__main__":
    main()
