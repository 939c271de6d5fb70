"""Training on the demo world with a network that is smaller still."""

import dataclasses
import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from sa2va_cli.model.network import Sa2VANetwork
from sa2va_cli.training.clicks import BOX, POINT, corrective_points, sample_box, sample_point
from sa2va_cli.training.demo import build_objective, main, source
from sa2va_cli.training.demo_network import SAM2_SIZES, demo_sizes, train_tokenizer
from sa2va_cli.training.loop import STATE_FILE, Interleaved, Schedule, train
from sa2va_cli.training.meaning import MeaningCode
from sa2va_cli.training.objective import LossWeights, Objective, Readouts, of_like_lengths
from sa2va_cli.training.park import Mixture, ParkDataset
from sa2va_cli.training.park_drawing import CLASSES, DEEDS, NAMES, sample_schedule
from sa2va_cli.training.park_targets import ParkTargets
from sa2va_cli.training.samples import FIRST_WORD, IGNORED, Question, Sample, collate
from sa2va_cli.training.transfer import EYES, deepened, take, train_only


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(texts=500, vocabulary=512)


@pytest.fixture
def objective(tokenizer) -> Objective:
    torch.manual_seed(0)
    whole = demo_sizes(len(tokenizer))
    vision = {**whole.vision, "hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32}
    text = {
        **whole.text,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    }
    sizes = dataclasses.replace(whole, vision=vision, text=text, tile_size=128)
    trunk = {**SAM2_SIZES["trunk"], "embed_dim": 8, "stages": [1, 1, 2, 1], "global_att_blocks": [3]}
    sam2 = {**SAM2_SIZES, "image_size": 128, "d_model": 64, "trunk": trunk}
    network = Sa2VANetwork(sizes, sam2, tokenizer)
    readouts = Readouts(32, 32, 64, CLASSES, NAMES, 1 + len(DEEDS))
    return Objective(network, readouts, MeaningCode(network.sam2, NAMES, 4), LossWeights())


@pytest.fixture
def park() -> ParkDataset:
    return ParkDataset(
        0,
        size=128,
        grid=8,
        places=4,
        stills=2,
        clip_frames=6,
        mixture=Mixture(3, 1, 1, 1),
        masked=2,
    )


@pytest.fixture
def targets() -> ParkTargets:
    return ParkTargets(0, size=128, grid=8, places=4, stills=2, clip_share=0, targets=2)


def numbers(park: ParkDataset, *, clips: bool) -> int:
    """The first batch of stills or of clips."""
    return next(n for n in range(50) if (len(park.batch(n)[0].keyframes) > 1) == clips)


def test_a_batch_is_a_function_of_its_number(park: ParkDataset) -> None:
    first, again, other = park.batch(3), park.batch(3), park.batch(4)
    assert [q.text for s in first for q in s.questions] == [q.text for s in again for q in s.questions]
    assert np.array_equal(first[0].keyframes[0], again[0].keyframes[0])
    assert [q.text for s in first for q in s.questions] != [q.text for s in other for q in s.questions]


def test_tracked_frames_ascend_and_are_never_keyframes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        schedule = sample_schedule(rng)
        tracked = schedule.frames[schedule.conditioning :]
        assert list(tracked) == sorted(set(tracked))
        assert not set(tracked) & set(schedule.keyframes)
        assert min(tracked) >= 0
        assert max(tracked) < 96


@pytest.fixture(scope="module")
def moving() -> list[Sample]:
    """Samples of clips."""
    park = ParkDataset(0, size=32, grid=8, places=16, clip_share=1.0, mixture=Mixture(1), masked=0)
    return [sample for number in range(5) for sample in park.batch(number)]


@pytest.mark.parametrize(("deed", "sign"), [("left", -1), ("right", 1), ("still", 0)])
def test_cells_say_which_way_who_is_in_them_goes(deed: str, sign: int, moving: list[Sample]) -> None:
    shifts = []
    for sample in moving:
        assert sample.key_deeds is not None
        columns = [np.nonzero(cells == 1 + DEEDS.index(deed))[1] for cells in sample.key_deeds]
        means = [float(np.mean(c)) for c in columns if len(c)]
        shifts += [b - a for a, b in itertools.pairwise(means)]
    mean = float(np.mean(shifts))
    assert len(shifts) > 20
    assert sign * mean > 0.2 if sign else abs(mean) < 0.2


def test_cells_are_covered_by_who_is_seen_in_them(targets: ParkTargets) -> None:
    sample = targets.batch(0)[0]
    assert sample.labels is not None
    question = next(q for q in sample.questions if q.masks is not None and q.masks.any())
    assert question.meaning is not None
    assert question.masks is not None
    share = question.masks[0].reshape(4, 16, 4, 16).mean((1, 3))
    told = question.meaning.places[0] > 0.2
    assert not told[share < 1e-3].any()  # what is told at all is told where it is seen


@pytest.mark.parametrize("stage", ["eyes", "words", "fit", "whole", "prompts"])
def test_larger_batches_hold_more_samples(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (ParkDataset, ParkTargets):
        monkeypatch.setattr(kind, "_sample", lambda *_: None)  # they are counted, and need not be drawn
    sizes = [len(source(stage, 3, 10**9, larger).batch(0)) for larger in (1, 2)]
    assert sizes[1] == 2 * sizes[0]


def test_a_deeper_language_model_says_the_same_at_first(objective: Objective) -> None:
    model = objective.network.chat.language_model
    tensors = {f"chat.language_model.{name}": tensor for name, tensor in model.state_dict().items()}
    config = {**model.config.to_dict(), "num_hidden_layers": 3, "layer_types": None}
    deeper = type(model)(type(model.config)(**config))
    grown = deepened(tensors, 3)
    deeper.load_state_dict({name.removeprefix("chat.language_model."): t for name, t in grown.items()})
    words = torch.arange(12)[None]
    with torch.no_grad():
        assert torch.allclose(deeper.eval()(words).logits, model.eval()(words).logits, atol=1e-5)


def test_sources_take_turns(park: ParkDataset, targets: ParkTargets) -> None:
    both = Interleaved((park, targets))
    assert both.batch(6)[0].questions[0].text == park.batch(3)[0].questions[0].text
    assert np.array_equal(both.batch(5)[0].frames[0], targets.batch(2)[0].frames[0])


def test_rows_of_about_the_same_length_are_read_together() -> None:
    groups = of_like_lengths(torch.tensor([10, 40, 8, 7, 31, 30, 29]), 0.75)
    assert [group.tolist() for group in groups] == [[1, 4, 5], [6], [0, 2], [3]]


def test_a_longer_answer_weighs_more_and_each_of_its_words_less(objective: Objective) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    questions = [Question("How many?", answer) for answer in ("Two.", "the girl, the boy and the red ball.")]
    batch = collate([Sample([black], (), 0, (), questions)], objective.network.chat, 128)
    (first, second), weights = (batch.branches[batch.branch_rows == 0], batch.weights[0])
    short, long = (weights[torch.unique(branch)] for branch in (first, second))
    assert short.max() == long.max() == pytest.approx(FIRST_WORD)
    assert long.sum() > short.sum()
    assert long[long > 0].min() < short[short > 0].min()


def test_a_packed_question_reads_as_it_would_alone(objective: Objective, park: ParkDataset) -> None:
    samples = park.batch(numbers(park, clips=True))[:1]
    chat = objective.network.chat.eval()
    batch = collate(samples, chat, 128)
    keyframes, end = len(samples[0].keyframes), chat.tokenizer.convert_tokens_to_ids("</img>")
    with torch.no_grad():
        visual = chat.see(batch.vision_pixels)
        packed = objective._read(batch, visual)[0]
        offset = None
        for question in samples[0].questions:
            prompt = chat.prompt(f"<image>{question.text}", keyframes, video=True)
            words = chat.tokenizer(f"{prompt}{question.answer}<|im_end|>")["input_ids"]
            ids = torch.tensor([words])
            embeddings = chat.embed(ids, visual.flatten(0, 1))
            alone = chat.language_model.model(inputs_embeds=embeddings).last_hidden_state[0]
            shared = int((ids[0] == end).nonzero().max()) + 1
            offset = shared if offset is None else offset
            own = len(alone) - shared
            assert torch.allclose(packed[offset : offset + own], alone[shared:], atol=1e-5)
            offset += own


def test_only_answers_are_learned_and_every_trained_mask_has_its_segment_token(
    objective: Objective, park: ParkDataset
) -> None:
    chat = objective.network.chat
    samples = park.batch(numbers(park, clips=False))
    batch = collate(samples, chat, 128)
    spoken = chat.tokenizer.decode(batch.targets[0][batch.targets[0] != IGNORED].tolist())
    assert spoken == "".join(f"{q.answer}<|im_end|>" for q in samples[0].questions)
    assert (batch.token_ids[batch.segment_rows[:, 0], batch.segment_rows[:, 1]] == chat.segment_id).all()
    assert len(batch.masks) == len(batch.masked) > 0
    told = [m for s in samples for q in s.questions for m in (q.parts or [q.meaning]) if m]
    wanted = [bool(m.names.any()) for m in told]
    assert batch.asked_names.any(1).tolist() == wanted
    assert batch.asked_names[batch.meant].any(1).all()


@pytest.mark.parametrize("clips", [False, True])
def test_every_parameter_learns_something(objective: Objective, park: ParkDataset, clips: bool) -> None:
    batch = collate(park.batch(numbers(park, clips=clips)), objective.network.chat, 128)
    losses = objective(batch)
    losses["total"].backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    words = {"answer", "named", "pointed", "deeds", "query", "classes"}
    masks = {"bce", "dice", "iou", "score"} | {"marked" if clips else "seen"}
    assert set(losses) == {*words, *masks, "total"}
    still = {n for n, p in objective.network.named_parameters() if p.grad is None}
    unused = ("point_embed", "mask_embed", "mask_downsample", "no_memory_positional_encoding", "mask_token")
    memory = ("vision_encoder", "conv_s") if clips else ("memory", "object_pointer", "no_object_pointer")
    assert not {n for n in still if not any(part in n for part in (*unused, *memory, "shared_", "layernorm"))}


def test_without_words_sam2_learns_alone(objective: Objective, targets: ParkTargets) -> None:
    batch = collate(targets.batch(0), objective.network.chat, 128)
    losses = objective(batch)
    losses["total"].backward()
    assert set(losses) == {"bce", "dice", "iou", "score", "corrected", "seen", "total"}
    learning = {n.split(".")[0] for n, p in objective.network.named_parameters() if p.grad is not None}
    assert learning == {"sam2"}


@pytest.mark.parametrize(("stage", "learning"), [("eyes", {"sam2"}), ("words", {"chat", "text_hidden_fcs"})])
def test_of_a_whole_one_half_can_be_trained_with_the_other_as_it_is(
    stage: str, learning: set[str], objective: Objective, park: ParkDataset
) -> None:
    train_only(objective, stage)
    batch = collate(park.batch(numbers(park, clips=False)), objective.network.chat, 128)
    objective(batch)["total"].backward()
    learned = {n.split(".")[0] for n, p in objective.network.named_parameters() if p.grad is not None}
    assert learned == learning


def test_what_is_pointed_at_teaches_the_prompt_encoder(objective: Objective) -> None:
    park = ParkTargets(1, size=128, grid=8, places=4, stills=4, clip_share=0, scenery=0.3, clicked=1)
    batch = collate(park.batch(0), objective.network.chat, 128)
    assert batch.prompts is not None
    assert {POINT, BOX} <= set(batch.prompts.tolist())
    objective(batch)["total"].backward()
    encoder = objective.network.sam2.layers.prompt_encoder
    learned = [n for n, p in encoder.named_parameters() if p.grad is not None and p.grad.any()]
    assert {"point_embed.weight", "mask_embed.conv1.weight", "no_mask_embed.weight"} <= set(learned)


def test_a_point_lies_in_its_target_and_a_box_around_it() -> None:
    mask = np.zeros((90, 160), np.bool_)
    mask[20:60, 40:60] = True
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = np.rint(sample_point(mask, 128, rng) * (160, 90) / 128).astype(int)
        assert mask[y, x]
        first, last = sample_box(mask, 128, rng) * (160, 90) / 128
        assert np.abs(first - (40, 20)).max() < 3
        assert np.abs(last - (60, 60)).max() < 3


def test_a_mask_is_corrected_where_it_is_wrong() -> None:
    target = torch.zeros(1, 64, 64)
    target[:, 8:24, 8:24] = 1
    missing, too_much = torch.full((2, 1, 32, 32), -8.0)
    too_much[:, 4:12, 4:28] = 8
    for previous, label, columns in ((missing, 1, (8, 24)), (too_much, 0, (23, 58))):
        for chance in (0.01, 0.5, 0.99):
            points, labels = corrective_points(previous, target, torch.tensor([chance]))
            assert labels.item() == label
            assert columns[0] <= points[0, 0, 0] / 2 <= columns[1]


def test_two_meanings_that_differ_in_a_name_or_in_a_place_have_different_codes(objective: Objective) -> None:
    code = objective.code
    assert code is not None
    names, places = torch.zeros(3, NAMES), torch.zeros(3, 1, 4, 4)
    names[0, 0] = names[1, 0] = names[2, 1] = 1
    places[0, 0, 0, 0] = places[1, 0, 3, 3] = places[2, 0, 0, 0] = 1
    queries = code(names, places)
    assert torch.pdist(queries).min() > 3


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    tokenizer, objective: Objective, tmp_path: Path
) -> None:
    park = ParkDataset(0, size=128, grid=8, places=4, stills=2, clip_share=0, mixture=Mixture(3), masked=2)
    start = {k: v.clone() for k, v in objective.state_dict().items()}
    plan = Schedule(3, 1e-3, warmup_steps=1, decay_steps=1, save_every=2)
    device = torch.device("cpu")
    train(objective, park, plan, tmp_path / "whole", device, report=lambda _: None)
    whole = {k: v.clone() for k, v in objective.state_dict().items()}

    objective.load_state_dict(start)
    broken = dataclasses.replace(plan, steps=2, decay_steps=0)
    train(objective, park, broken, tmp_path / "broken", device, report=lambda _: None)
    objective.load_state_dict(start)
    train(objective, park, plan, tmp_path / "broken", device, workers=2, report=lambda _: None)
    assert all(torch.allclose(v, whole[k], atol=1e-5) for k, v in objective.state_dict().items())


def test_samples_are_drawn_although_opencv_had_threads_before(objective: Objective, park, tmp_path) -> None:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(2)
    try:
        cv2.GaussianBlur(np.zeros((2_000, 2_000), np.uint8), (0, 0), 5)  # starts them
        train(objective, park, Schedule(1, 1e-3), tmp_path, torch.device("cpu"), report=lambda _: None)
        assert cv2.getNumThreads() == 2
    finally:
        cv2.setNumThreads(threads)
    assert (tmp_path / STATE_FILE).exists()


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    plan = Schedule(100, 1e-3, warmup_steps=10, decay_steps=20)
    assert plan.rate(0) == pytest.approx(1e-4)
    assert plan.rate(50) == 1e-3
    assert plan.rate(99) == pytest.approx(5e-5)


def test_what_a_run_has_learned_is_exported_as_a_checkpoint_that_loads(tokenizer, tmp_path: Path) -> None:
    from sa2va_cli.checkpoints.loader import load_network

    objective = build_objective(tokenizer, 0)
    tokenizer.save_pretrained(tmp_path / "run" / "tokenizer")
    torch.save(
        {"step": 1, "objective": objective.state_dict(), "optimiser": {}}, tmp_path / "run" / "state.pt"
    )
    main(["whole", "--out", str(tmp_path / "run"), "--export", str(tmp_path / "weights")])
    network = load_network(tmp_path / "weights", torch.device("cpu"), torch.float32)
    wanted = objective.network.state_dict()
    assert all(torch.allclose(v, wanted[k], rtol=1e-2, atol=1e-2) for k, v in network.state_dict().items())
    assert sum(f.stat().st_size for f in (tmp_path / "weights").iterdir()) < 16e6


def test_all_stages_are_one_command_that_does_nothing_twice(tokenizer, tmp_path: Path, monkeypatch) -> None:
    from sa2va_cli.training import demo

    trained = []

    def pretended(objective, batches, plan, folder, device, workers) -> None:
        assert workers == 3
        folder.mkdir(parents=True, exist_ok=True)
        learning = any(p.requires_grad for n, p in objective.named_parameters() if n.startswith(EYES))
        trained.append((folder.name, plan.steps, learning))
        state = {"step": plan.steps, "objective": objective.state_dict(), "optimiser": {}}
        torch.save(state, folder / STATE_FILE)

    monkeypatch.setattr(demo, "train", pretended)
    monkeypatch.setattr(demo, "train_tokenizer", lambda *_: tokenizer)
    main(["all", "--out", str(tmp_path), "--steps", "40", "--device", "cpu", "--workers", "3"])
    assert trained == [("eyes", 40, True), ("words", 40, False), ("fit", 10, True)]
    assert (tmp_path / "weights" / "model.safetensors").exists()


def test_stages_train_their_own_part_and_fit_together(tokenizer, tmp_path: Path) -> None:
    eyes, words = build_objective(tokenizer, 0), build_objective(tokenizer, 0)
    for objective, path in ((eyes, "eyes"), (words, "words")):
        with torch.no_grad():
            for parameter in objective.parameters():
                parameter.add_(1.0 if path == "eyes" else 2.0)
        (tmp_path / path).mkdir()
        torch.save(
            {"step": 1, "objective": objective.state_dict(), "optimiser": {}}, tmp_path / path / STATE_FILE
        )
    whole = build_objective(tokenizer, 0)
    take(whole, [tmp_path / "eyes"], eyes=True)
    take(whole, [tmp_path / "words"], eyes=False)
    for name, parameter in whole.named_parameters():
        source = eyes if name.startswith(EYES) else words
        assert torch.equal(parameter, source.get_parameter(name)), name
    take(whole, [tmp_path / "eyes", tmp_path / "words"], eyes=True)
    for name, parameter in whole.named_parameters():
        if name.startswith(EYES):
            assert torch.allclose(parameter, eyes.get_parameter(name) + 0.5), name


def test_two_stages_are_exported_together(tokenizer, tmp_path: Path) -> None:
    from sa2va_cli.checkpoints.loader import load_network

    objective = build_objective(tokenizer, 1)
    for stage in ("eyes", "words"):
        tokenizer.save_pretrained(tmp_path / stage / "tokenizer")
        torch.save(
            {"step": 1, "objective": objective.state_dict(), "optimiser": {}}, tmp_path / stage / STATE_FILE
        )
    runs = ["--eyes", str(tmp_path / "eyes"), "--words", str(tmp_path / "words")]
    main(["whole", "--out", str(tmp_path / "whole"), *runs, "--export", str(tmp_path / "weights")])
    network = load_network(tmp_path / "weights", torch.device("cpu"), torch.float32)
    wanted = objective.network.state_dict()
    assert all(torch.allclose(v, wanted[k], rtol=1e-2, atol=1e-2) for k, v in network.state_dict().items())


def test_the_code_is_that_of_the_weights_not_of_the_random_start(objective: Objective) -> None:
    code, sam2 = objective.code, objective.network.sam2
    assert code is not None
    names, places = torch.zeros(1, NAMES), torch.zeros(1, 1, 4, 4)
    places[0, 0, 1, 2] = 1
    said = code(names, places)
    learned = {k: v.clone() for k, v in sam2.state_dict().items()}
    torch.manual_seed(1)
    other = type(sam2)({**SAM2_SIZES, "image_size": 128, "d_model": 64})
    fresh = MeaningCode(other, NAMES, 4)
    assert not torch.allclose(fresh(names, places), said)
    positions = {k: v for k, v in learned.items() if "positional_embedding" in k}
    other.load_state_dict(positions, strict=False)
    assert torch.allclose(fresh(names, places), said)
