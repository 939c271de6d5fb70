"""The models that have a short name, and which of them is the default.

A table and nothing heavy: the command line lists it without importing torch.
"""

from dataclasses import dataclass
from pathlib import Path

DEMO = "demo"
DEMO_FOLDER = Path(__file__).resolve().parents[1] / "demo" / "weights"
"""The tiny network that comes with the package."""

LICENCES = {
    DEMO: "Apache-2.0",
    "1b": "Apache-2.0",  # https://huggingface.co/ByteDance/Sa2VA-1B/tree/main
    "4b": "Apache-2.0",  # .../ByteDance/Sa2VA-4B/commit/5ef95036e62d78d1aef5c18e8b1f0a01d10a8eb8; MIT before
    "8b": "Apache-2.0",  # .../ByteDance/Sa2VA-8B/commits/main/model.safetensors.index.json
    "26b": "Apache-2.0",  # .../ByteDance/Sa2VA-26B/discussions
    "qwen3-vl-4b": "Apache-2.0",  # .../ByteDance/Sa2VA-Qwen3-VL-4B/resolve/fa5f0ed5/README.md
}
"""Of the weights, by alias: as their pages on the hub say, for the pages that could be read."""

PUBLISHED_BYTES = {
    "1b": 4_050_000_000,
    "4b": 15_160_000_000,
    "8b": 32_660_000_000,
    "26b": 92_040_000_000,
    "internvl3-2b": 8_670_000_000,
    "internvl3-8b": 32_130_000_000,
    "internvl3-14b": 60_880_000_000,
    "qwen2.5-vl-3b": 17_180_000_000,
    "qwen2.5-vl-7b": 34_110_000_000,
    "qwen3-vl-2b": 10_670_000_000,
    "qwen3-vl-4b": 20_230_000_000,
}
"""Of the weight files, by alias and rounded: for the numbers that the hub is quoted as counting."""


@dataclass(frozen=True)
class CatalogEntry:
    """A published model.

    Attributes:
        alias: what a user calls it.
        repository: its id on the Hugging Face hub; empty for the bundled demo.
        family: a name in ``layout.FAMILIES``.
    """

    alias: str
    repository: str
    family: str

    @property
    def title(self) -> str:
        """The hub id, or what stands for it."""
        return self.repository or "bundled with the package"

    @property
    def licence(self) -> str:
        """The licence of the weights, where it is known for sure."""
        return LICENCES.get(self.alias, "see its page")


CATALOG: dict[str, CatalogEntry] = {
    entry.alias: entry
    for entry in (
        CatalogEntry(DEMO, "", "internvl"),
        CatalogEntry("1b", "ByteDance/Sa2VA-1B", "internvl"),
        CatalogEntry("4b", "ByteDance/Sa2VA-4B", "internvl"),
        CatalogEntry("8b", "ByteDance/Sa2VA-8B", "internvl-internlm2"),
        CatalogEntry("26b", "ByteDance/Sa2VA-26B", "internvl-internlm2"),
        CatalogEntry("internvl3-2b", "ByteDance/Sa2VA-InternVL3-2B", "internvl"),
        CatalogEntry("internvl3-8b", "ByteDance/Sa2VA-InternVL3-8B", "internvl"),
        CatalogEntry("internvl3-14b", "ByteDance/Sa2VA-InternVL3-14B", "internvl"),
        CatalogEntry("qwen2.5-vl-3b", "ByteDance/Sa2VA-Qwen2_5-VL-3B", "qwen2.5-vl"),
        CatalogEntry("qwen2.5-vl-7b", "ByteDance/Sa2VA-Qwen2_5-VL-7B", "qwen2.5-vl"),
        CatalogEntry("qwen3-vl-2b", "ByteDance/Sa2VA-Qwen3-VL-2B", "qwen3-vl"),
        CatalogEntry("qwen3-vl-4b", "ByteDance/Sa2VA-Qwen3-VL-4B", "qwen3-vl"),
        CatalogEntry("i-1b", "kumuji/Sa2VA-i-1B", "internvl"),
        CatalogEntry("i-4b", "kumuji/Sa2VA-i-4B", "internvl"),
        CatalogEntry("i-8b", "kumuji/Sa2VA-i-8B", "internvl-internlm2"),
        CatalogEntry("i-26b", "kumuji/Sa2VA-i-26B", "internvl-internlm2"),
    )
}


def find(name: str) -> CatalogEntry | None:
    """Finds a model by alias or by hub id, upper or lower case."""
    wanted = name.lower()
    return next((e for e in CATALOG.values() if wanted and wanted in (e.alias, e.repository.lower())), None)


def default_model(has_gpu: bool) -> str:  # noqa: FBT001 - the one thing it depends on
    """The hub id of the model that is used when none is named."""
    return CATALOG["4b" if has_gpu else "1b"].repository
