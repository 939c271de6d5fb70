"""Back-ends: chunks, sizes, colours; and pipelines of diffusers, small and random."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from sa2va_cli.errors import ModelError, UsageError
from sa2va_cli.generation.backend import Asked, Rule, generated
from sa2va_cli.generation.colour_match import matched
from sa2va_cli.generation.fitting import fitting_for
from sa2va_cli.generation.table import back_end_of


@dataclass
class FakeBackEnd:
    """Gives frames back, changed as a function says, and remembers what it was given."""

    rule: Rule
    change: object = staticmethod(lambda frame: frame)
    name: str = "fake"
    lengths: list[int] = field(default_factory=list)
    sizes: set[tuple[int, ...]] = field(default_factory=set)

    def make(
        self, frames: Sequence[np.ndarray], masks: Sequence[np.ndarray], prompt: str
    ) -> list[np.ndarray]:
        self.lengths.append(len(frames))
        self.sizes |= {frame.shape for frame in frames} | {mask.shape for mask in masks}
        return [self.change(frame) for frame in frames]


def asked(count: int, size: tuple[int, int] = (37, 21)) -> list[Asked]:
    width, height = size
    rng = np.random.default_rng(1)
    mask = np.zeros((height, width), np.bool_)
    mask[4:12, 5:20] = True
    return [
        Asked(10 + number, rng.integers(0, 255, (height, width, 3)).astype(np.uint8), mask)
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [1, 4, 5, 9, 13, 14, 30])
@pytest.mark.parametrize(
    "rule", [Rule(), Rule(9, 4, 0), Rule(9, 4, 3), Rule(5, 4, 1, divisor=16), Rule(9, 4, 8)]
)
def test_any_length_goes_through_in_chunks_and_comes_back_frame_by_frame(count, rule):
    back_end, frames = FakeBackEnd(rule), asked(count)
    made = list(generated(back_end, frames, "a robot"))
    assert [index for index, _ in made] == [one.index for one in frames]
    for one, (_, image) in zip(frames, made, strict=True):
        np.testing.assert_array_equal(image, one.image)
    assert all((length - 1) % rule.step == 0 for length in back_end.lengths)
    assert rule.longest is None or max(back_end.lengths) <= rule.longest
    assert all(side % rule.divisor == 0 for size in back_end.sizes for side in size[:2])


def test_chunks_are_cross_faded():
    levels = iter([50, 150])
    current = [0]

    class Steps(FakeBackEnd):
        def make(self, frames, masks, prompt):
            current[0] = next(levels)
            return [np.full_like(frame, current[0]) for frame in frames]

    whole = [Asked(one.index, one.image, np.ones_like(one.mask)) for one in asked(14)]
    made = [int(image[0, 0, 0]) for _, image in generated(Steps(Rule(9, 4, 4)), whole, "")]
    assert made[:5] == [50] * 5
    assert made[5:9] == [70, 90, 110, 130]
    assert made[9:] == [150] * 5


@pytest.mark.parametrize(
    ("size", "divisor", "longest"),
    [((37, 21), 16, None), ((640, 360), 16, 64), ((1920, 1080), 32, 832), ((8, 8), 8, 8)],
)
def test_a_size_is_fitted_and_comes_back(size, divisor, longest):
    fitting = fitting_for(size, divisor, longest)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    fitted = fitting.fitted(picture)
    assert fitted.shape[0] % divisor == fitted.shape[1] % divisor == 0
    assert longest is None or max(fitted.shape) < longest + divisor
    assert fitting.back(fitted).shape == picture.shape


def test_colours_that_drift_are_matched_outside_of_the_mask():
    frames = asked(3)
    drifted = [np.clip(one.image * 0.8 + 30, 0, 255).astype(np.uint8) for one in frames]
    made = matched(drifted, [one.image for one in frames], [one.mask for one in frames])
    for one, image in zip(frames, made, strict=True):
        assert np.abs(image.astype(int) - one.image).max() <= 2
    everywhere = [np.ones_like(one.mask) for one in frames]
    assert matched(drifted, [one.image for one in frames], everywhere)[0] is drifted[0]


def test_masks_are_widened_as_the_rule_says():
    seen = []

    class Looks(FakeBackEnd):
        def make(self, frames, masks, prompt):
            seen.append(masks[0])
            return list(frames)

    (one,) = asked(1)
    list(generated(Looks(Rule(grow=2)), [one], ""))
    assert not (one.mask & ~seen[0]).any()
    assert seen[0].sum() > one.mask.sum()


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda frame: frame[:4], "must keep the size"), (lambda frame: frame / 255, "must keep the size")],
)
def test_frames_of_another_size_are_refused(change, said):
    with pytest.raises(ModelError, match=said):
        list(generated(FakeBackEnd(Rule(), change), asked(2), ""))


def test_an_unknown_back_end_is_refused():
    with pytest.raises(UsageError, match="neither wan-vace, wan-animate or lucy-edit, nor a program"):
        back_end_of("wan-vase")
    with pytest.raises(UsageError, match="--reference"):
        back_end_of("wan-animate")


# --- diffusers -------------------------------------------------------------------------------------


def parts(torch):
    """A tokenizer, a text encoder, a VAE and a scheduler that are as small as they may be."""
    from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

    words = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2, "robot": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    torch.manual_seed(0)
    config = UMT5Config(vocab_size=8, d_model=32, d_kv=8, d_ff=37, num_layers=1, num_heads=4)
    return {
        "tokenizer": tokenizer,
        "text_encoder": UMT5EncoderModel(config).eval(),
        "vae": AutoencoderKLWan(
            base_dim=3,
            z_dim=16,
            dim_mult=[1, 1, 1, 1],
            num_res_blocks=1,
            temperal_downsample=[False, True, True],
        ).eval(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=7.0),
    }


SMALL = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "out_channels": 16,
    "text_dim": 32,
    "freq_dim": 256,
    "ffn_dim": 32,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 32,
}


@pytest.fixture
def diffusers():
    """The library, quiet; these tests are skipped without it."""
    library = pytest.importorskip("diffusers", reason="needs sa2va[generate]")
    library.utils.logging.set_verbosity_error()
    return library


def vace(diffusers, torch):
    from sa2va_cli.generation.diffusion import WanVace

    small = parts(torch)
    transformer = diffusers.WanVACETransformer3DModel(
        **SMALL, in_channels=16, num_layers=3, vace_layers=[0, 2], vace_in_channels=96
    )
    pipeline = diffusers.WanVACEPipeline(**small, transformer=transformer.eval())
    return WanVace(pipeline, steps=1, longest=5, overlap=1), pipeline


def lucy(diffusers, torch):
    from sa2va_cli.generation.diffusion import LucyEdit

    small = parts(torch)
    transformer = diffusers.WanTransformer3DModel(**SMALL, in_channels=32, num_layers=1)
    pipeline = diffusers.LucyEditPipeline(**small, transformer=transformer.eval())
    return LucyEdit(pipeline, steps=1, longest=5, overlap=1), pipeline


def animate(diffusers, torch, reference):
    from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModel

    from sa2va_cli.generation.diffusion import WanAnimate

    small = parts(torch)
    small["scheduler"] = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, num_train_timesteps=1000, flow_shift=1.0
    )
    seeing = CLIPVisionConfig(
        hidden_size=4,
        projection_dim=4,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=4,
        intermediate_size=16,
        patch_size=1,
    )
    transformer = diffusers.WanAnimateTransformer3DModel(
        **SMALL,
        in_channels=36,
        latent_channels=16,
        num_layers=2,
        image_dim=4,
        motion_encoder_channel_sizes={"4": 16, "8": 16, "16": 16},
        motion_encoder_size=16,
        motion_style_dim=8,
        motion_dim=4,
        motion_encoder_dim=16,
        face_encoder_hidden_dim=16,
        face_encoder_num_heads=2,
        inject_face_latents_blocks=2,
    )
    pipeline = diffusers.WanAnimatePipeline(
        **small,
        transformer=transformer.eval(),
        image_encoder=CLIPVisionModel(seeing).eval(),
        image_processor=CLIPImageProcessorPil(crop_size=4, size=4),
    )
    return WanAnimate(pipeline, reference, steps=1, segment=5), pipeline


@pytest.mark.parametrize("name", ["wan-vace", "lucy-edit", "wan-animate"])
def test_a_small_random_pipeline_is_driven_from_end_to_end(diffusers, name, tmp_path):
    torch = pytest.importorskip("torch")
    from PIL import Image

    Image.new("RGB", (20, 16), (200, 40, 40)).save(tmp_path / "who.png")
    if name == "wan-animate":
        back_end, pipeline = animate(diffusers, torch, tmp_path / "who.png")
    else:
        back_end, pipeline = {"wan-vace": vace, "lucy-edit": lucy}[name](diffusers, torch)
    pipeline.set_progress_bar_config(disable=True)
    assert back_end.rule.divisor == 16
    frames = asked(7, (20, 16))
    made = list(generated(back_end, frames, "a robot"))
    assert [index for index, _ in made] == [one.index for one in frames]
    assert {image.shape for _, image in made} == {(16, 20, 3)}
    assert any((image != one.image).any() for one, (_, image) in zip(frames, made, strict=True))


def test_vace_sees_grey_where_something_is_to_be_made():
    from sa2va_cli.generation.diffusion import greyed

    (one,) = asked(1)
    made = greyed(one.image, one.mask)
    assert (made[one.mask] == 127).all()
    np.testing.assert_array_equal(made[~one.mask], one.image[~one.mask])
