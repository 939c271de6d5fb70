"""The InternVL family gives the numbers that the official code gave, on the tiny reference checkpoint."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
import torch
from recorded import REFERENCE, Case, Inputs, read_case

from sa2va_cli.datatypes import RGB, Frame, FrameMasks
from sa2va_cli.model.internvl import Answer
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.preprocessing import resize_bicubic, vision_pixels

FAMILY = "internvl-qwen2"
KEYFRAMES = 5
CASES = sorted(json.loads((REFERENCE / "golden" / FAMILY / "cases.json").read_text()))


@dataclass(frozen=True)
class Track:
    """Everything that came out of following the objects of a case."""

    low: np.ndarray  # (N, T, h, w) logits
    scores: np.ndarray  # (N, T) probabilities
    pointers: np.ndarray  # (N, T, C)
    masks: np.ndarray  # (N, T, H, W) bool


@dataclass(frozen=True)
class Outcome:
    case: Case
    prompt_ids: list[int]
    answer: Answer
    queries: torch.Tensor
    track: Track | None
    exact: Track | None  # the same with a float32 memory


@pytest.fixture(scope="module", params=CASES)
def outcome(request: pytest.FixtureRequest, network: Sa2VANetwork, inputs: Inputs) -> Iterator[Outcome]:
    case = read_case(FAMILY, request.param)
    before = network.chat.sizes
    network.chat.sizes = dataclasses.replace(before, template=case.template)
    yield run(case, network, inputs)
    network.chat.sizes = before


@torch.inference_mode()
def run(case: Case, network: Sa2VANetwork, inputs: Inputs) -> Outcome:
    images = {"video": inputs.frames[: case.num_frames], "image": [inputs.image], "text": []}[case.kind]
    regions = inputs.regions if case.mask_prompts else None
    seen: list[list[int]] = []
    tokenizer = network.chat.tokenizer
    network.chat.tokenizer = Listener(tokenizer, seen)
    try:
        if case.kind == "video":
            answer = network.chat.answer_keyframes(images[:KEYFRAMES], case.text)
        else:
            answer = network.chat.answer(images, case.text, regions, case.past)
    finally:
        network.chat.tokenizer = tokenizer
    queries = network.text_hidden_fcs(answer.segment_states)
    still = case.kind == "image"
    track = follow(NetworkSegmenter(network), images, queries, still=still) if case.objects else None
    exact = None
    if case.objects and len(images) > KEYFRAMES:
        exact = follow(NetworkSegmenter(network, memory_dtype=torch.float32), images, queries, still=still)
    return Outcome(case, seen[0], answer, queries, track, exact)


class Listener:
    """A tokenizer that writes down what it encodes."""

    def __init__(self, tokenizer: object, seen: list[list[int]]) -> None:
        self.inner = tokenizer
        self.seen = seen

    def __call__(self, text: str) -> dict[str, list[int]]:
        encoded = self.inner(text)
        self.seen.append(encoded["input_ids"])
        return encoded

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


def follow(segmenter: NetworkSegmenter, images: list[RGB], queries: torch.Tensor, *, still: bool) -> Track:
    memory = segmenter.condition(list(enumerate(images[:KEYFRAMES])), [queries], still=still)
    low, scores, pointers, masks = [], [], [], []
    for index, image in enumerate(images):
        logits, score, memory = segmenter.step(index, image, memory)
        remembered = {m.index: m for m in (*memory.conditioning, *memory.recent)}[index]
        low.append(logits)
        scores.append(score)
        pointers.append(remembered.pointers.numpy())
        masks.append(FrameMasks(Frame(index, index, Fraction(1, 24), image), logits, score).masks)
    return Track(*(np.stack(x, axis=1) for x in (low, scores, pointers, masks)))


def golden_masks(case: Case, k: int, memory: str = "") -> np.ndarray:
    shape = case.golden[f"obj{k}_masks_shape"]
    packed = case.golden[f"obj{k}_{memory}masks_packed"]
    return np.unpackbits(packed)[: np.prod(shape)].reshape(shape).astype(bool)


def test_the_prompt_is_tokenised_as_in_the_official_code(outcome: Outcome) -> None:
    assert outcome.prompt_ids == outcome.case.golden["input_ids"].tolist()


def test_the_answer_is_that_of_the_official_code(outcome: Outcome) -> None:
    assert outcome.answer.text == outcome.case.prediction
    assert outcome.answer.token_ids.tolist() == outcome.case.golden["generated_ids"].tolist()


def test_hidden_states_and_queries_agree(outcome: Outcome) -> None:
    golden = outcome.case.golden
    np.testing.assert_allclose(outcome.answer.hidden, golden["step_hidden"], atol=1e-4, rtol=0)
    assert len(outcome.queries) == outcome.case.objects
    if outcome.case.objects:
        np.testing.assert_allclose(outcome.queries, golden["seg_embeds"], atol=1e-4, rtol=0)


def test_masks_of_keyframes_agree(outcome: Outcome) -> None:
    if outcome.track is None:
        pytest.skip("this case has no [SEG]")
    for k in range(outcome.case.objects):
        wanted = outcome.case.golden[f"obj{k}_low_res_masks_every2"][:KEYFRAMES]
        np.testing.assert_allclose(outcome.track.low[k, :KEYFRAMES, ::2, ::2], wanted, atol=1e-3, rtol=0)


def test_masks_of_tracked_frames_agree(outcome: Outcome) -> None:
    if outcome.track is None or outcome.exact is None:
        pytest.skip("this case tracks nothing")
    golden = outcome.case.golden
    for k in range(outcome.case.objects):
        rounded = golden[f"obj{k}_low_res_masks_every2"][KEYFRAMES:]
        exact = golden[f"obj{k}_fp32mem_low_res_masks_every2"]
        np.testing.assert_allclose(outcome.track.low[k, KEYFRAMES:, ::2, ::2], rounded, atol=5e-2, rtol=0)
        np.testing.assert_allclose(outcome.exact.low[k, KEYFRAMES:, ::2, ::2], exact, atol=1e-3, rtol=0)


def test_object_scores_and_pointers_agree(outcome: Outcome) -> None:
    for track, memory, tolerance in ((outcome.track, "", 1e-2), (outcome.exact, "fp32mem_", 1e-3)):
        for k in range(outcome.case.objects if track is not None else 0):
            logits = outcome.case.golden[f"obj{k}_{memory}object_score_logits"]
            pointers = outcome.case.golden[f"obj{k}_{memory}obj_ptr"]
            np.testing.assert_allclose(track.scores[k], 1 / (1 + np.exp(-logits)), atol=tolerance, rtol=0)
            np.testing.assert_allclose(track.pointers[k], pointers, atol=tolerance, rtol=0)


def test_final_masks_agree_to_a_hundredth_of_a_percent(outcome: Outcome) -> None:
    for track, memory in ((outcome.track, ""), (outcome.exact, "fp32mem_")):
        for k in range(outcome.case.objects if track is not None else 0):
            wanted = golden_masks(outcome.case, k, memory)
            assert np.mean(track.masks[k] != wanted) <= 1e-4
            assert wanted.any()


def test_visual_tokens_agree(network: Sa2VANetwork, inputs: Inputs) -> None:
    golden = read_case(FAMILY, "video_1seg").golden
    tokens = network.chat.see(vision_pixels([resize_bicubic(inputs.frames[0], 448, 448)]))
    np.testing.assert_allclose(tokens[0, ::4], golden["projected_tile0_every4"], atol=1e-4, rtol=0)


def test_the_segmenter_grounds_as_the_chat_model_answers(network: Sa2VANetwork, inputs: Inputs) -> None:
    case = read_case(FAMILY, "image_2seg")
    grounding = NetworkSegmenter(network).ground([inputs.image], case.text, still=True)
    assert grounding.answer == case.prediction
    np.testing.assert_allclose(grounding.queries, case.golden["seg_embeds"], atol=1e-4, rtol=0)


def test_a_keyframe_is_encoded_once_for_all_objects(network: Sa2VANetwork, inputs: Inputs) -> None:
    """The official code encodes 34 frames for this clip of 12 (reference set, section 5.3)."""
    queries = torch.from_numpy(read_case(FAMILY, "video_2seg").golden["seg_embeds"])
    encoded: list[int] = []
    encoder = network.sam2.layers.vision_encoder.backbone.patch_embed
    handle = encoder.register_forward_hook(lambda *call: encoded.append(len(call[1][0])))
    try:
        track = follow(NetworkSegmenter(network), inputs.frames, queries, still=False)
    finally:
        handle.remove()
    assert track.low.shape[:2] == (2, 12)
    assert encoded == [1] * 12
