"""Make the random-weight MLP and ResNet-50 (TorchScript and ONNX) and the expected answers.

Run with the `base` virtual environment.
"""

import sys
from pathlib import Path

import bench_user
import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
from benchmarks.peers import workloads


class Mlp(nn.Module):
    """16 -> 64 -> 8."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the network."""
        return self.net(x)


class Bottleneck(nn.Module):
    """A ResNet-50 block."""

    def __init__(self, inputs: int, planes: int, stride: int, down: bool) -> None:
        super().__init__()
        outputs = planes * 4
        self.body = nn.Sequential(
            nn.Conv2d(inputs, planes, 1, bias=False),
            nn.BatchNorm2d(planes),
            nn.ReLU(),
            nn.Conv2d(planes, planes, 3, stride, 1, bias=False),
            nn.BatchNorm2d(planes),
            nn.ReLU(),
            nn.Conv2d(planes, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )
        self.shortcut = shortcut if down else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the block."""
        return self.relu(self.body(x) + self.shortcut(x))


class ResNet50(nn.Module):
    """ResNet-50 with 1000 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        blocks, inputs = [], 64
        for planes, count, stride in (
            (64, 3, 1),
            (128, 4, 2),
            (256, 6, 2),
            (512, 3, 2),
        ):
            for i in range(count):
                first = i == 0
                blocks.append(Bottleneck(inputs, planes, stride if first else 1, first))
                inputs = planes * 4
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classify = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the network."""
        return self.classify(torch.flatten(self.pool(self.blocks(self.stem(x))), 1))


def export(model: nn.Module, name: str, sample: torch.Tensor) -> None:
    """Write one model as TorchScript and ONNX, and compare the two."""
    model.eval()
    onnx_file = bench_user.MODELS / f"{name}.onnx"
    with torch.no_grad():
        torch.jit.trace(model, sample).save(str(bench_user.MODELS / f"{name}.pt"))
        torch.onnx.export(
            model,
            (sample,),
            str(onnx_file),
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
        session = bench_user.ort_session(name, 1)
        ours = session.run(None, {"x": sample.numpy()})[0]
        print(name, "max difference", np.abs(ours - model(sample).numpy()).max())


def main() -> None:
    """Make models and expected answers."""
    bench_user.MODELS.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    export(Mlp(), "mlp", torch.randn(1, 16))
    export(ResNet50(), "resnet50", torch.randn(1, 3, 224, 224))
    for workload, function in (("W3", bench_user.mlp), ("W4", bench_user.resnet)):
        answer = function(workloads.array(workload))
        np.save(bench_user.MODELS / f"expected_{workload}.npy", answer)


if __name__ == "__main__":
    main()
