"""Makes data/model.engine of data/model.onnx, by the TensorRT and for the GPU of this machine.

Needs the Python package tensorrt. With TensorRT's own tools, one line does the same:

trtexec --onnx=data/model.onnx --saveEngine=data/model.engine
  --minShapes=x:1x2 --optShapes=x:4x2 --maxShapes=x:16x2
"""

from pathlib import Path

import tensorrt

FOLDER = Path(__file__).parent
SHAPES = {"x": ((1, 2), (4, 2), (16, 2))}
"""Of each input: the least, the best and the most."""


def main() -> None:
    """Build the engine and write it."""
    log = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(log)
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, log)
    if not parser.parse((FOLDER / "model.onnx").read_bytes()):
        errors = (str(parser.get_error(index)) for index in range(parser.num_errors))
        raise SystemExit(f"model.onnx: {'; '.join(errors)}")
    settings = builder.create_builder_config()
    profile = builder.create_optimization_profile()
    for name, shapes in SHAPES.items():
        profile.set_shape(name, *shapes)
    settings.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise SystemExit("TensorRT built no engine; its log above says why")
    (FOLDER / "model.engine").write_bytes(bytes(plan))


if __name__ == "__main__":
    main()
