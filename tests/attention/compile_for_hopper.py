"""Compiles the GPU kernels for an H100/H200 (sm_90), which needs no GPU, and reads what the machine code holds.

Run as a program, since it must not see TRITON_INTERPRET: prints one JSON object per kernel and input type.
"""

import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

sys.path.insert(0, str(Path(__file__).parents[2]))

from utils.attention.kernels import gpu, gpu_kernels  # noqa: E402

INPUTS = {"query", "key", "score_vector", "value", "inputs", "other_inputs"}
BYTES, INTEGERS = {"mask"}, {"wide"}
POINTERS = INPUTS | BYTES | INTEGERS | {
    "exp_query", "exp_key", "heights", "centre", "row_bias", "key_bias", "size", "context", "log_total", "weights",
    "exponentials", "other_exponentials", "sign", "slopes", "gradient", "vector_sums",
}  # fmt: skip
SCORES = {"ROWS": gpu.ROWS, "COLUMNS": gpu.COLUMNS, "HAS_MASK": True}
GRADIENT = {"TILE": gpu.COLUMNS, "ROWS": gpu.GRADIENT_ROWS, "CHANNELS": gpu.GRADIENT_CHANNELS}
KERNELS = {  # kernel, its constants, its warps
    "context": (gpu_kernels.context_kernel, SCORES | {"WIDTH": gpu.WIDTH, "PARTS": 1}, gpu.WARPS),
    "context in parts": (gpu_kernels.context_kernel, SCORES | {"WIDTH": gpu.WIDTH, "PARTS": 8}, gpu.WARPS),
    "weights": (gpu_kernels.weights_kernel, SCORES, gpu.WARPS),
    "gradient of queries": (gpu_kernels.gradient_kernel, GRADIENT | {"KEYS_INSIDE": True, "WITH_VECTOR": True}, 4),
    "gradient of keys": (gpu_kernels.gradient_kernel, GRADIENT | {"KEYS_INSIDE": False, "WITH_VECTOR": False}, 4),
}


def compiled(kernel, constants, warps, dtype):
    """The kernel for sm_90, with the alignments that ordinary sizes have."""
    names = kernel.arg_names

    def kind(name):
        if name in constants:
            return "constexpr"
        if name not in POINTERS:
            return "i32"
        return "*" + (dtype if name in INPUTS else "u8" if name in BYTES else "i32" if name in INTEGERS else "fp32")

    aligned = POINTERS | {"rows", "columns", "padded"}
    return triton.compile(
        ASTSource(
            fn=kernel,
            signature={name: kind(name) for name in names},
            constexprs={(names.index(name),): constant for name, constant in constants.items()},
            attrs={(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if name in aligned},
        ),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": warps, "num_stages": 1},
    )


def disassembled(cubin: bytes) -> tuple[int, list[tuple[int, str]]]:
    """How many registers a thread takes, and address and text of each instruction; by the tool that Triton brings."""
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        options = {"capture_output": True, "text": True, "check": True}
        text = subprocess.run([tool, "-sass", "-res-usage", file.name], **options)
    code = re.findall(r"/\*([0-9a-f]{4,5})\*/\s+(.*?);", text.stdout)
    return int(re.search(r"REG:(\d+)", text.stdout + text.stderr)[1]), [(int(at, 16), what) for at, what in code]


def loops(code: list[tuple[int, str]]):
    """The body of each loop that holds no other loop."""
    spans = []
    for at, what in code:
        target = re.search(r"BRA\S*\s+(?:!?U?P\d+,\s*)?0x([0-9a-f]+)", what)
        if target and int(target[1], 16) < at:
            spans.append((int(target[1], 16), at))
    inner = [(a, b) for a, b in spans if not any((c, d) != (a, b) and a <= c and d <= b for c, d in spans)]
    return [[what for at, what in code if a <= at <= b] for a, b in inner]


def counts(body: list[str]) -> collections.Counter:
    words = (re.sub(r"^@!?U?P\d+\s+", "", what).split()[0] for what in body)
    return collections.Counter(word.split(".")[0] for word in words)


if __name__ == "__main__":
    for name, (kernel, constants, warps) in KERNELS.items():
        # (query, key, channel) triples that a loop takes at a time: four channels of a tile, or two others of a block
        elements = (
            4 * gpu.ROWS * gpu.COLUMNS if "COLUMNS" in constants else 2 * gpu.GRADIENT_ROWS * gpu.GRADIENT_CHANNELS
        )
        for dtype in ("fp32", "bf16", "fp16"):
            binary = compiled(kernel, constants, warps, dtype)
            registers, code = disassembled(binary.asm["cubin"])
            found = [counts(body) for body in loops(code)]
            report = {
                "kernel": name,
                "dtype": dtype,
                "registers": registers,
                "shared": binary.metadata.shared,
                "elements": elements / (32 * warps),  # a thread's share
                "loops": [dict(count) for count in found],
            }
            print(json.dumps(report), flush=True)
