"""Every family gives the numbers that the official code gave, on the tiny reference checkpoints."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
import torch
from families import FAMILIES, cases
from recorded import Case, Inputs, read_case

from sa2va_cli.datatypes import RGB, Frame, FrameMasks
from sa2va_cli.model.chat import Answer
from sa2va_cli.model.network import NetworkSegmenter, Sa2VANetwork
from sa2va_cli.model.preprocessing import grounding_pixels, resize_bicubic, vision_pixels
from sa2va_cli.tracks.coding import decode, encode

ALL = [(family, name) for family in FAMILIES for name in cases(family)]
NetworkOf = Callable[[str], Sa2VANetwork]


@dataclass(frozen=True)
class Track:
    """Everything that came out of following the objects of a case."""

    low: np.ndarray  # (N, T, h, w) logits
    scores: np.ndarray  # (N, T) probabilities
    pointers: np.ndarray  # (N, T, C)
    masks: np.ndarray  # (N, T, H, W) bool
    drawn: np.ndarray  # likewise, as they are drawn: of logits that were coded for a log


@dataclass(frozen=True)
class Outcome:
    case: Case
    prompt_ids: list[int]
    answer: Answer
    queries: torch.Tensor
    track: Track | None
    exact: Track | None  # the same with a float32 memory


@pytest.fixture(scope="module", params=ALL, ids="-".join)
def outcome(
    request: pytest.FixtureRequest,
    network_of: NetworkOf,
    inputs: Inputs,
    looking_once: Callable[[Sa2VANetwork], AbstractContextManager[None]],
) -> Iterator[Outcome]:
    case = read_case(*request.param)
    chat = network_of(case.family).chat
    before = chat.sizes
    if hasattr(before, "template"):
        chat.sizes = dataclasses.replace(before, template=case.template)
    with looking_once(network_of(case.family)):
        found = run(case, network_of(case.family), inputs)
    yield found
    chat.sizes = before


def test_all_recorded_cases_are_run() -> None:
    assert len(ALL) == 38


@torch.inference_mode()
def run(case: Case, network: Sa2VANetwork, inputs: Inputs) -> Outcome:
    pictures = case.pictures(inputs)
    regions = inputs.regions if case.mask_prompts else None
    seen: list[list[int]] = []
    chat, tokenizer = network.chat, network.chat.tokenizer
    chat.tokenizer = Listener(tokenizer, seen)
    try:
        if case.kind == "video":
            view = chat.look([pictures[i] for i in case.keyframes], still=False)
            answer, _ = chat.answer(view, case.text)
        else:
            answer, _ = chat.answer(chat.look(pictures, still=True), case.text, regions, case.past_text)
    finally:
        chat.tokenizer = tokenizer
    queries = network.text_hidden_fcs(answer.segment_states)
    track = exact = None
    if case.objects:
        track = follow(NetworkSegmenter(network), case, pictures, queries)
    if case.objects and case.tracked:
        exact = follow(NetworkSegmenter(network, memory_dtype=torch.float32), case, pictures, queries)
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


def follow(segmenter: NetworkSegmenter, case: Case, pictures: list[RGB], queries: torch.Tensor) -> Track:
    keyframes = [(index, pictures[index]) for index in case.keyframes]
    clip = [Frame(index, index, Fraction(1, 24), image) for index, image in enumerate(pictures)]
    low, scores, pointers, masks, drawn = [], [], [], [], []
    with segmenter.open(still=case.still) as session:
        memory = session.condition(keyframes, [queries])
        for one in session.follow(clip, memory, count=len(clip)):
            seen = (*one.memory.conditioning, *one.memory.recent)
            remembered = {m.index: m for m in seen}[one.frame.index]
            low.append(one.logits)
            scores.append(one.scores)
            pointers.append(remembered.pointers.numpy())
            masks.append(FrameMasks(one.frame, one.logits, one.scores).masks)
            logged = np.stack([decode(encode(logits, 0.5)) for logits in one.logits])
            drawn.append(FrameMasks(one.frame, logged, one.scores).masks)
    return Track(*(np.stack(x, axis=1) for x in (low, scores, pointers, masks, drawn)))


def test_the_prompt_is_tokenised_as_in_the_official_code(outcome: Outcome) -> None:
    assert outcome.prompt_ids == outcome.case.golden["input_ids"].tolist()


def test_the_answer_is_that_of_the_official_code(outcome: Outcome) -> None:
    assert outcome.answer.text == outcome.case.prediction
    assert outcome.answer.token_ids.tolist() == outcome.case.golden["generated_ids"].tolist()


def test_hidden_states_and_queries_agree(outcome: Outcome) -> None:
    """Of Qwen3-VL those before the final norm: after it, they would be 6 apart (reference set, section 4)."""
    golden = outcome.case.golden
    np.testing.assert_allclose(outcome.answer.hidden, golden["step_hidden"], atol=1e-4, rtol=0)
    assert len(outcome.queries) == outcome.case.objects
    if outcome.case.objects:
        np.testing.assert_allclose(outcome.queries, golden["seg_embeds"], atol=1e-4, rtol=0)


def test_masks_of_keyframes_agree(outcome: Outcome) -> None:
    if outcome.track is None:
        pytest.skip("this case has no [SEG]")
    keyframes = list(outcome.case.keyframes)
    for k in range(outcome.case.objects):
        wanted = outcome.case.golden[f"obj{k}_low_res_masks_every2"][keyframes]
        np.testing.assert_allclose(outcome.track.low[k, keyframes, ::2, ::2], wanted, atol=1e-3, rtol=0)


def test_masks_of_tracked_frames_agree(outcome: Outcome) -> None:
    if outcome.track is None or outcome.exact is None:
        pytest.skip("this case tracks nothing")
    golden, tracked = outcome.case.golden, outcome.case.tracked
    for k in range(outcome.case.objects):
        rounded = golden[f"obj{k}_low_res_masks_every2"][tracked]
        exact = golden[f"obj{k}_fp32mem_low_res_masks_every2"]
        np.testing.assert_allclose(outcome.track.low[k, tracked, ::2, ::2], rounded, atol=5e-2, rtol=0)
        np.testing.assert_allclose(outcome.exact.low[k, tracked, ::2, ::2], exact, atol=1e-3, rtol=0)


def test_object_scores_and_pointers_agree(outcome: Outcome) -> None:
    """With the exact memory, they were not recorded for every family."""
    golden = outcome.case.golden
    for track, memory, tolerance in ((outcome.track, "", 1e-2), (outcome.exact, "fp32mem_", 1e-3)):
        for k in range(outcome.case.objects if track is not None else 0):
            logits = golden.get(f"obj{k}_{memory}object_score_logits")
            pointers = golden.get(f"obj{k}_{memory}obj_ptr")
            assert memory or (logits is not None and pointers is not None)
            if logits is not None:
                wanted = 1 / (1 + np.exp(-logits))
                np.testing.assert_allclose(track.scores[k], wanted, atol=tolerance, rtol=0)
            if pointers is not None:
                np.testing.assert_allclose(track.pointers[k], pointers, atol=tolerance, rtol=0)


def test_final_masks_agree_to_a_hundredth_of_a_percent(outcome: Outcome) -> None:
    for track, memory in ((outcome.track, ""), (outcome.exact, "fp32mem_")):
        for k in range(outcome.case.objects if track is not None else 0):
            wanted = outcome.case.masks(k, memory)
            assert np.mean(track.masks[k] != wanted) <= 1e-4
            assert np.mean(track.drawn[k] != wanted) <= 1e-4
            assert wanted.any()


def test_masks_from_a_log_are_those_of_the_network(outcome: Outcome) -> None:
    """One pixel in 100,000 may differ; a small picture has fewer."""
    for track in filter(None, (outcome.track, outcome.exact)):
        assert np.count_nonzero(track.drawn != track.masks) <= max(1, 1e-5 * track.masks.size)


@pytest.mark.parametrize("family", [family for family in FAMILIES if "internvl" in family])
def test_visual_tokens_of_an_internvl_agree(family: str, network_of: NetworkOf, inputs: Inputs) -> None:
    golden = read_case(family, "video_1seg").golden
    chat = network_of(family).chat
    with torch.inference_mode():
        tokens = chat.see(vision_pixels([resize_bicubic(inputs.frames[0], 448, 448)]))
    np.testing.assert_allclose(tokens[0, ::4], golden["projected_tile0_every4"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
def test_visual_tokens_of_a_qwen_vl_agree(family: str, network_of: NetworkOf, inputs: Inputs) -> None:
    golden = read_case(family, "video_1seg").golden
    with torch.inference_mode():
        sight = network_of(family).chat.see(inputs.frames[:5])
    np.testing.assert_allclose(sight.tokens[::16], golden["visual_tokens_every16"], atol=1e-4, rtol=0)
    assert len(sight.deep) == (3 if family == "qwen3_vl" else 0)
    for i, tokens in enumerate(sight.deep):
        np.testing.assert_allclose(tokens[::64], golden[f"deepstack{i}_every64"], atol=1e-4, rtol=0)


def test_what_language_finds_in_the_first_pass_agrees(network_of: NetworkOf, inputs: Inputs) -> None:
    case = read_case("sa2va-i-internvl-qwen2", "video_1seg")
    sam2 = network_of(case.family).sam2
    queries = torch.from_numpy(case.golden["seg_embeds"])
    for row, index in enumerate(case.keyframes):
        pixels = grounding_pixels(inputs.frames[index], 256, torch.float32, still=False)
        with torch.inference_mode():
            decoded = sam2.decode_language(sam2.encode_for_both(pixels)[1], queries)
        wanted = case.golden["obj0_init_low_res_masks_every2"][row]
        np.testing.assert_allclose(decoded.logits[0, ::2, ::2], wanted, atol=1e-3, rtol=0)


def test_the_segmenter_grounds_as_the_chat_model_answers(network: Sa2VANetwork, inputs: Inputs) -> None:
    case = read_case("internvl-qwen2", "image_2seg")
    session = NetworkSegmenter(network).open(still=True)
    grounding, _ = session.ground(session.look([inputs.image]), case.text)
    assert grounding.answer == case.prediction
    np.testing.assert_allclose(grounding.queries, case.golden["seg_embeds"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", ["internvl-qwen2", "sa2va-i-internvl-qwen2"])
def test_a_frame_is_encoded_once_for_all_objects(family: str, network_of: NetworkOf, inputs: Inputs) -> None:
    """The official code encodes 34 frames for this clip of 12 (reference set, section 5.3)."""
    case = read_case(family, "video_2seg")
    network = network_of(family)
    encoded: list[int] = []
    encoder = network.sam2.layers.vision_encoder.backbone.patch_embed
    handle = encoder.register_forward_hook(lambda *call: encoded.append(len(call[1][0])))
    try:
        queries = torch.from_numpy(case.golden["seg_embeds"])
        track = follow(NetworkSegmenter(network), case, inputs.frames, queries)
    finally:
        handle.remove()
    assert track.low.shape[:2] == (2, 12)
    assert sum(encoded) == 12


def test_a_still_image_has_the_masks_that_language_finds(network_of: NetworkOf, inputs: Inputs) -> None:
    """The official code of Sa2VA-i fails on images; there is nothing to track, so the first pass is all."""
    network = network_of("sa2va-i-internvl-qwen2")
    queries = torch.from_numpy(read_case("sa2va-i-internvl-qwen2", "video_1seg").golden["seg_embeds"])
    session = NetworkSegmenter(network).open(still=True)
    memory = session.condition([(0, inputs.image)], [queries])
    (one,) = session.follow([Frame(0, 0, Fraction(1, 24), inputs.image)], memory)
    pixels = grounding_pixels(inputs.image, 256, torch.float32, still=True)
    with torch.inference_mode():
        wanted = network.sam2.decode_language(network.sam2.encode_for_both(pixels)[1], queries)
    np.testing.assert_array_equal(one.logits, wanted.logits)
    assert one.scores.shape == (1,)
    assert one.memory is memory
