"""What `sa2va segment` imports on its way: a package that comes along unasked makes every run start later."""

import subprocess
import sys

from clips import make_folder

OURS = {
    "av",
    "cv2",
    "huggingface_hub",
    "numpy",
    "PIL",
    "platformdirs",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
    "typer",
}
"""What this program imports on the way; of its other dependencies it needs nothing there."""

BROUGHT = {
    # by huggingface_hub, for connections that are not made here
    "anyio", "certifi", "charset_normalizer", "filelock", "h11", "hf_xet", "httpcore", "httpcore2", "httpx",
    "httpx2", "idna", "packaging", "requests", "sniffio", "socksio", "truststore", "urllib3", "yaml",
    # by typer
    "annotated_doc", "click", "rich", "shellingham", "typing_extensions",
    # by torch
    "functorch", "jinja2", "markupsafe", "mpmath", "sympy", "torchgen", "typing_inspection",
    # by transformers
    "cython_runtime", "regex", "tqdm",
    # by transformers where they are installed: this program's extras bring them, or other packages do
    "accelerate", "annotated_types", "boto3", "botocore", "dateutil", "google", "jmespath", "psutil",
    "pydantic", "pydantic_core", "s3transfer", "scipy", "six",
}  # fmt: skip
"""What those import in their turn."""

SEGMENT = """
import sys
before = set(sys.modules)
from sa2va_cli.__main__ import run
sys.argv = ["sa2va", "segment", sys.argv[1], "the dog", "--model", "demo", "--device", "cpu",
            "--save", "mask", "--allow-empty", "--quiet", "-o", sys.argv[2]]
code = run()
print(code, *sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_segment_imports_nothing_but_what_it_is_built_on(tmp_path):
    frames = make_folder(tmp_path / "frames", count=2, size=(64, 48))
    done = subprocess.run(
        [sys.executable, "-c", SEGMENT, str(frames), str(tmp_path / "mask")],
        capture_output=True,
        text=True,
        check=False,
    )
    code, *imported = done.stdout.split()
    assert code == "0", done.stderr
    # Modules of extension libraries have no names of their own that say anything.
    packages = {name for name in imported if not name.startswith("_")} - set(sys.stdlib_module_names)
    assert packages - OURS - BROUGHT == {"sa2va_cli"}
    assert packages >= OURS
