"""The models that have a short name, and which of them is the default.

A table and nothing heavy: the command line lists it without importing torch.
"""

from dataclasses import dataclass
from pathlib import Path

from sa2va_cli.checkpoints.parts import Counts
from sa2va_cli.errors import ModelError

DEMO = "demo"
DEMO_FOLDER = Path(__file__).resolve().parents[1] / "demo" / "weights"
"""The tiny network that comes with the package."""

APACHE = "Apache-2.0"
SEE_PAGE = "see its page"
"""In place of a licence whose page could not be read."""

STOCK = "transformers"
"""The family of the chat models that transformers runs with classes of its own."""

NO_MASKS = "a chat model without a mask decoder: it answers questions (sa2va ask), but makes no masks"
"""What is said where masks are wanted of one."""

ONLY_FOLLOWS = (
    "a follower: it carries masks through a video and finds nothing itself; name it with --follower"
)
"""What is said where a model is wanted, and a SAM 2 was named."""

OWN = "own"
"""Stands for no follower: a Sa2VA follows with its own SAM 2 what it finds."""

SAM2, SAM2_1, EDGETAM = "sam2", "sam2.1", "edgetam"
"""The families of followers."""

_VARIANT = "i-"
"""How the alias of a Sa2VA-i begins; the rest is the alias of the plain model of the same sizes."""


@dataclass(frozen=True)
class CatalogEntry:
    """A published model: a row of the table ``CATALOG``.

    Attributes:
        alias: what a user calls it.
        repository: its id on the Hugging Face hub; empty for the bundled demo.
        family: a name in ``families.table.FAMILIES``, or ``STOCK``.
        counts: of its parameters, recorded here so that listing builds no network; None for the demo, whose
            file is always here. A test holds each to the network of its sizes.
        licence: of the weights, as its page on the hub has it.
        file_bytes: of its weight files, rounded, as the hub is quoted; None where that is not known.
        has_masks: False for a chat model without a mask decoder: it answers questions and no more.
    """

    alias: str
    repository: str
    family: str
    counts: Counts | None = None
    licence: str = SEE_PAGE
    file_bytes: int | None = None
    has_masks: bool = True

    @property
    def title(self) -> str:
        """The hub id, or what stands for it."""
        return self.repository or "bundled with the package"

    @property
    def only_follows(self) -> bool:
        """Whether it is a follower, which no one can ask for anything."""
        return self.family in (SAM2, SAM2_1, EDGETAM)

    @property
    def two_pass(self) -> bool:
        """Whether it is a Sa2VA-i, which has a second mask decoder."""
        return self.alias.startswith(_VARIANT)

    @property
    def sizes_of(self) -> str:
        """The alias under which its family has its sizes."""
        return self.alias.removeprefix(_VARIANT)


# Counts are of the tensors of a published file: lm, vit, sam2, and how many of lm can be quantised. Licences
# are those of https://huggingface.co/ByteDance/Sa2VA-1B/tree/main, .../Sa2VA-4B/commit/5ef95036 (MIT before),
# .../Sa2VA-8B/commits/main/model.safetensors.index.json, .../Sa2VA-26B/discussions,
# .../Sa2VA-Qwen3-VL-4B/resolve/fa5f0ed5/README.md, .../BytedanceDouyinContent/SAIL-VL-2B/tree/main,
# .../llava-hf/llava-onevision-qwen2-0.5b-ov-hf/blob/92e5373a/vocab.json and
# .../llava-hf/LLaVA-NeXT-Video-7B-hf/raw/6ae32f63/README.md.
CATALOG: dict[str, CatalogEntry] = {
    entry.alias: entry
    for entry in (
        CatalogEntry(DEMO, "", "internvl", licence=APACHE),
        CatalogEntry(
            "1b",
            "ByteDance/Sa2VA-1B",
            "internvl",
            Counts(629_706_880, 308_495_104, 225_463_730, 357_826_560),
            licence=APACHE,
            file_bytes=4_050_000_000,
        ),
        CatalogEntry(
            "4b",
            "ByteDance/Sa2VA-4B",
            "internvl",
            Counts(3_396_050_944, 316_607_488, 229_151_282, 2_774_532_096),
            licence=APACHE,
            file_bytes=15_160_000_000,
        ),
        CatalogEntry(
            "8b",
            "ByteDance/Sa2VA-8B",
            "internvl-internlm2",
            Counts(7_737_823_232, 337_583_104, 242_260_530, 6_979_321_856),
            licence=APACHE,
            file_bytes=32_660_000_000,
        ),
        CatalogEntry(
            "26b",
            "ByteDance/Sa2VA-26B",
            "internvl-internlm2",
            Counts(19_861_321_728, 5_652_925_824, 263_758_386, 18_723_373_056),
            licence=APACHE,
            file_bytes=92_040_000_000,
        ),
        CatalogEntry(
            "internvl3-2b",
            "ByteDance/Sa2VA-InternVL3-2B",
            "internvl",
            Counts(1_776_298_496, 312_674_304, 227_184_690, 1_310_195_712),
            file_bytes=8_670_000_000,
        ),
        CatalogEntry(
            "internvl3-8b",
            "ByteDance/Sa2VA-InternVL3-8B",
            "internvl",
            Counts(7_612_856_832, 331_552_768, 238_196_786, 6_525_288_448),
            file_bytes=32_130_000_000,
        ),
        CatalogEntry(
            "internvl3-14b",
            "ByteDance/Sa2VA-InternVL3-14B",
            "internvl",
            Counts(14_766_091_264, 351_216_640, 251_960_882, 13_212_057_600),
            file_bytes=60_880_000_000,
        ),
        CatalogEntry(
            "qwen2.5-vl-3b",
            "ByteDance/Sa2VA-Qwen2_5-VL-3B",
            "qwen2.5-vl",
            Counts(3_396_014_080, 668_684_288, 229_151_282, 2_774_532_096),
            file_bytes=17_180_000_000,
        ),
        CatalogEntry(
            "qwen2.5-vl-7b",
            "ByteDance/Sa2VA-Qwen2_5-VL-7B",
            "qwen2.5-vl",
            Counts(7_612_792_320, 676_550_144, 238_196_786, 6_525_288_448),
            file_bytes=34_110_000_000,
        ),
        CatalogEntry(
            "qwen3-vl-2b",
            "ByteDance/Sa2VA-Qwen3-VL-2B",
            "qwen3-vl",
            Counts(2_030_666_752, 406_957_056, 229_151_282, 1_409_286_144),
            file_bytes=10_670_000_000,
        ),
        CatalogEntry(
            "qwen3-vl-4b",
            "ByteDance/Sa2VA-Qwen3-VL-4B",
            "qwen3-vl",
            Counts(4_410_082_816, 415_347_712, 231_642_162, 3_633_315_840),
            licence=APACHE,
            file_bytes=20_230_000_000,
        ),
        CatalogEntry(
            "i-1b",
            "kumuji/Sa2VA-i-1B",
            "internvl",
            Counts(629_706_880, 308_495_104, 229_678_839, 357_826_560),
        ),
        CatalogEntry(
            "i-4b",
            "kumuji/Sa2VA-i-4B",
            "internvl",
            Counts(3_396_050_944, 316_607_488, 233_366_391, 2_774_532_096),
        ),
        CatalogEntry(
            "i-8b",
            "kumuji/Sa2VA-i-8B",
            "internvl-internlm2",
            Counts(7_737_823_232, 337_583_104, 246_475_639, 6_979_321_856),
        ),
        CatalogEntry(
            "i-26b",
            "kumuji/Sa2VA-i-26B",
            "internvl-internlm2",
            Counts(19_861_321_728, 5_652_925_824, 267_973_495, 18_723_373_056),
        ),
        CatalogEntry(
            "sail-vl-2b",
            "BytedanceDouyinContent/SAIL-VL-2B",
            "sail-vl",
            Counts(1_777_088_000, 312_674_304, 0, 1_310_195_712),
            licence=APACHE,
            file_bytes=4_180_000_000,
            has_masks=False,
        ),
        CatalogEntry(
            "llava-onevision-0.5b",
            "llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
            STOCK,
            Counts(494_090_112, 399_585_440, 0, 357_826_560),
            licence=APACHE,
            file_bytes=1_790_000_000,
            has_masks=False,
        ),
        CatalogEntry(
            "llava-next-video-7b",
            "llava-hf/LLaVA-NeXT-Video-7B-hf",
            STOCK,
            Counts(6_738_939_904, 324_491_264, 0, 6_476_005_376),
            licence="Llama 2",
            has_masks=False,
        ),
    )
}


_SIZES = {"tiny": 38_963_010, "small": 46_060_866, "base-plus": 80_850_690, "large": 224_447_154}
"""Parameters of each SAM 2.1."""

_NEW_IN_2_1 = 16_512
"""How many of them a SAM 2.0 does not have: 64 that mark hidden objects, 64 x 257 that date pointers."""


def _follower(size: str, version: str, parameters: int) -> CatalogEntry:
    """A SAM 2 of Meta's, published in the layout of transformers; licence as on its page."""
    family = f"sam{version}"
    return CatalogEntry(
        f"{family}-{size}",
        f"facebook/{family}-hiera-{size}",
        family,
        Counts(0, 0, parameters, 0),
        licence=APACHE,
        file_bytes=4 * parameters,
        has_masks=False,
    )


# Parameters are those of transformers' networks of these sizes; a test holds them to it.
FOLLOWERS: dict[str, CatalogEntry] = {
    entry.alias: entry
    for entry in (
        *(_follower(size, "2.1", count) for size, count in _SIZES.items()),
        *(_follower(size, "2", count - _NEW_IN_2_1) for size, count in _SIZES.items()),
        CatalogEntry(
            EDGETAM,
            "yonigozlan/EdgeTAM-hf",
            EDGETAM,
            Counts(0, 0, 13_881_162, 0),
            licence=APACHE,
            file_bytes=56_000_000,
            has_masks=False,
        ),
    )
}
"""Networks that follow what a Sa2VA finds (``--follower``)."""


def find(name: str) -> CatalogEntry | None:
    """Finds a model or a follower by alias or by hub id, upper or lower case."""
    wanted = name.lower()
    every = (*CATALOG.values(), *FOLLOWERS.values())
    return next((e for e in every if wanted and wanted in (e.alias, e.repository.lower())), None)


def refuse_without_masks(name: str) -> None:
    """Makes sure, before anything is fetched, that a model is not known to make no masks.

    Raises:
        ModelError: it is.
    """
    entry = find(name)
    if entry is not None and not entry.has_masks:
        raise ModelError(f"{name} is {ONLY_FOLLOWS if entry.only_follows else NO_MASKS}")


def default_model(has_gpu: bool) -> str:  # noqa: FBT001 - the one thing it depends on
    """The hub id of the model that is used when none is named."""
    return CATALOG["4b" if has_gpu else "1b"].repository
