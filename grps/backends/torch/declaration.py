"""What PyTorch declares of itself."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from grps.backends.engine import NATIVE, Engine, Flag, GpuMemory, ModelFormat, Verb


def _is_aotinductor(names: AbstractSet[str]) -> bool:
    return any("data/aotinductor/" in name for name in names)


def _is_export(names: AbstractSet[str]) -> bool:
    has_program = "serialized_exported_program.json" in names or any(
        name.startswith("models/") and name.endswith(".json") for name in names
    )
    return has_program and not _is_aotinductor(names)


def _is_script(names: AbstractSet[str]) -> bool:
    has_code = "constants.pkl" in names or any(name.startswith("code/") for name in names)
    return has_code and not (_is_export(names) or _is_aotinductor(names))


ENGINE = Engine(
    name="torch",
    title="PyTorch",
    package="torch",
    extra="torch",
    distributions=("torch",),
    verb=Verb(
        name="torch_serve",
        summary="Put a PyTorch model file online.",
        title="Put a PyTorch model online: TorchScript, torch.export or AOTInductor.",
        model="the file that torch.jit.save, torch.export.save or AOTInductor wrote.",
        examples=(
            "model.pt",
            "model.pt --name detect --port 7090,7091 --device cuda:1",
            "model.pt --instances 2 --intra_op_threads 4 --no_logging",
            "model.pt --batching_type dynamic --max_batch_size 32",
            "model.pt --native",
        ),
    ),
    formats=(
        ModelFormat(name="torchscript", title="TorchScript", in_zip=_is_script),
        ModelFormat(name="torch_export", title="torch.export (.pt2)", in_zip=_is_export),
        ModelFormat(name="aotinductor", title="AOTInductor (.pt2)", in_zip=_is_aotinductor),
    ),
    converter="torch",
    flags=(
        NATIVE,
        Flag(
            name="inp_device",
            help="Where inputs go; needed with --device original",
            kind="device",
            is_argument=False,
        ),
    ),
    threads="per_run",
    profiles=True,
    gpu_memory=GpuMemory(manager="TorchGpuMemManager"),
    # Its profiler writes lines about its probes to standard error below this level.
    environment={"KINETO_LOG_LEVEL": "6"},
)
