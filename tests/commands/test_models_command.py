"""``sa2va models``, as it is typed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import forked
import huggingface_hub
import pytest
import torch
from fakehub import COMMIT, checksum, point_to, serving
from families import FAMILIES, checkpoint
from safetensors.torch import load_file, save_file

from sa2va_cli.checkpoints import hub
from sa2va_cli.checkpoints.catalog import CATALOG, FOLLOWERS
from sa2va_cli.commands import console

PLAIN = checkpoint("internvl-qwen2")
DECODER = "grounding_encoder.sam2_model.sam_mask_decoder."
TRAINED = "grounding_encoder.sam2_model.sam_mask_decoder_modified."


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """An empty cache, and no hub."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(folder))
    return folder


def put_into_cache(cache: Path, repository: str, source: Path = PLAIN) -> Path:
    """Lays a snapshot where the hub's library keeps it: links to blobs that are named by their checksums."""
    place = cache / f"models--{repository.replace('/', '--')}"
    snapshot = place / "snapshots" / COMMIT
    for folder in (place / "refs", place / "blobs", snapshot):
        folder.mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    for path in source.iterdir():
        blob = place / "blobs" / checksum(path)
        shutil.copyfile(path, blob)
        (snapshot / path.name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


def check(outcome, code: int, *words: str) -> None:
    assert outcome.code == code, outcome.err
    assert outcome.out == ""
    line = outcome.err.splitlines()[-1]
    assert line.startswith("error: ")
    for word in words:
        assert word in line


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {k: v for path in sorted(folder.glob("*.safetensors")) for k, v in load_file(path).items()}


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(
        ours[key].dtype == theirs[key].dtype and torch.equal(ours[key], theirs[key]) for key in ours
    )


# list, path


def test_the_list_has_every_alias_and_its_licence(sa2va, cache):
    put_into_cache(cache, "ByteDance/Sa2VA-1B")
    outcome = sa2va("models", "list")
    assert (outcome.code, outcome.err) == (0, "")
    heading, *lines = outcome.out.splitlines()
    assert heading.split()[0] == "alias"
    assert [line.split()[0] for line in lines] == [*CATALOG, *FOLLOWERS]
    rows = {line.split()[0]: line for line in lines}
    assert rows["1b"].endswith("Apache-2.0    yes")
    assert rows["4b"].endswith("Apache-2.0    no")
    assert "~16.4 GB" in rows["internvl3-8b"]


def test_the_list_is_a_document(sa2va, cache):
    snapshot = put_into_cache(cache, "kumuji/Sa2VA-i-1B")
    outcome = sa2va("models", "list", "--json")
    models = {model["alias"]: model for model in json.loads(outcome.out)["models"]}
    assert models["i-1b"]["folder"] == str(snapshot)
    assert models["i-1b"]["parameters_are"] == "counted"
    assert models["1b"]["folder"] is None
    assert models["1b"]["memory_bytes"]["fp32"] == 4 * models["1b"]["parameters"]


def test_a_path_is_printed_alone(sa2va, cache):
    snapshot = put_into_cache(cache, "ByteDance/Sa2VA-1B")
    outcome = sa2va("models", "path", "1b")
    assert (outcome.code, outcome.out, outcome.err) == (0, f"{snapshot}\n", "")


def test_a_model_that_is_not_here_is_one_line_and_exit_5(sa2va):
    for command in ("path", "info", "verify"):
        check(sa2va("models", command, "4b"), 5, "sa2va models pull 4b")
    check(sa2va("models", "path", "5b"), 5, "'5b'", "demo, 1b, 4b")


def test_listing_does_not_import_torch():
    program = (
        "import sys; from sa2va_cli.commands.app import main\n"
        "for line in ('list', 'list --json', 'path demo'):\n"
        "    assert main(['models', *line.split()]) == 0\n"
        "    print('LOADED', *{'torch', 'transformers', 'av', 'cv2'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if "LOADED" in line] == ["LOADED"] * 3


# pull


def test_pull_obeys_the_environment_and_offline_finds_what_it_fetched(tmp_path):
    # Of what these processes begin with, nothing has looked at the environment: not the hub's library.
    program = "from sa2va_cli.__main__ import run; raise SystemExit(run())"

    def sa2va(*arguments: str, **more: str) -> tuple[int | None, str, str]:
        variables = {"HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"} | more
        out, err = tmp_path / "out", tmp_path / "err"
        with out.open("w") as stdout, err.open("w") as stderr:
            streams = {"stdout": stdout.fileno(), "stderr": stderr.fileno()}
            run = forked.start(program, "models", *arguments, **streams, environment=os.environ | variables)
            run.join()
        return run.exitcode, out.read_text(), err.read_text()

    code, _, said = sa2va("pull", "1b", HF_HUB_OFFLINE="1")
    assert code == 5
    assert said.startswith("error: ByteDance/Sa2VA-1B is not in the cache")
    with serving() as (hub, address):
        by_proxy = {"HF_ENDPOINT": "http://hub.test", "HTTP_PROXY": address, "NO_PROXY": "", "no_proxy": ""}
        pulled = sa2va("pull", "1b", HF_TOKEN="hf_of_my_own", **by_proxy)
        assert hub.hosts == {"hub.test"}
        assert hub.tokens == {"Bearer hf_of_my_own"}
    code, folder, said = pulled
    assert code == 0, said
    assert Path(folder.strip()).is_relative_to(tmp_path / "home")
    code, again, said = sa2va("pull", "1b", HF_HUB_OFFLINE="1")
    assert (code, again) == (0, folder)
    assert "not asked for a newer version" in said


# info, verify


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_described_and_whole(family, sa2va):
    folder = checkpoint(family)
    outcome = sa2va("models", "info", folder, "--json")
    about = json.loads(outcome.out)
    assert (about["layout"], about["concern"]) == ("published", None)
    parts = {part["part"]: part for part in about["parts"]}
    assert {"vision", "language model", "[SEG] projection", "SAM 2"} <= parts.keys()
    assert "other" not in parts
    assert parts["language model"]["dimensions"]["hidden_size"] == 128
    assert about["tensors"] == len(tensors_of(folder)) == sum(part["tensors"] for part in about["parts"])
    outcome = sa2va("models", "verify", folder)
    assert outcome.code == 0, outcome.err
    assert f"{about['tensors']:,} tensors" in outcome.err
    assert outcome.out == f"{folder} is whole\n"


def test_info_is_read_by_people_too(sa2va):
    outcome = sa2va("models", "info", "demo")
    assert (outcome.code, outcome.err) == (0, "")
    for words in ("native", "internvl", "qwen_chat", "hidden_size 192", "BF16", "model.safetensors"):
        assert words in outcome.out


def test_info_tells_why_a_checkpoint_cannot_be_loaded(sa2va, folder):
    shutil.copytree(PLAIN, folder / "model")
    config = json.loads((folder / "model" / "config.json").read_text())
    config["llm_config"]["model_type"] = "mistral"
    (folder / "model" / "config.json").write_text(json.dumps(config))
    about = json.loads(sa2va("models", "info", "model", "--json").out)
    assert about["family"] is None
    assert "'mistral'" in about["concern"]
    assert about["parameters"] > 0


@pytest.mark.parametrize(
    ("command", "name"),
    [("info", "config.json"), ("verify", "config.json"), ("verify", "tokenizer.json")],
)
def test_a_hostile_file_is_refused_in_one_line(sa2va, folder, command, name):
    shutil.copytree(PLAIN, folder / "model")
    (folder / "model" / name).write_text('{"a":' * 200_000 + "1" + "}" * 200_000)
    check(sa2va("models", command, "model"), 5, name, "nested more than 64 levels deep")


def test_a_tensor_of_a_wrong_shape_is_found(sa2va, folder):
    shutil.copytree(PLAIN, folder / "model")
    tensors = load_file(folder / "model" / "model.safetensors")
    tensors["mlp1.0.bias"] = torch.zeros(3)
    save_file(tensors, folder / "model" / "model.safetensors")
    check(sa2va("models", "verify", "model"), 5, "chat.projector.0.bias", "[256]", "[3]")


def test_a_download_that_is_cut_off_is_found(sa2va, folder):
    shutil.copytree(PLAIN, folder / "model")
    weights = folder / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    check(sa2va("models", "verify", "model"), 5, "is cut off")


def test_checksums_of_the_hub_are_compared(sa2va, cache):
    snapshot = put_into_cache(cache, "ByteDance/Sa2VA-1B")
    about = json.loads(sa2va("models", "verify", "1b", "--json").out)
    assert set(about["checksums"].values()) == {"right"}
    weights = snapshot / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    check(sa2va("models", "verify", "1b"), 5, "model.safetensors", "prune")


# prune


def test_prune_removes_sa2va_models_and_nothing_else(sa2va, cache):
    for repository in ("ByteDance/Sa2VA-1B", "someone/my-sa2va"):
        put_into_cache(cache, repository)
    other = put_into_cache(cache, "bert/base")
    (other / "config.json").unlink()
    (other / "config.json").write_text('{"model_type": "bert"}')
    outcome = sa2va("models", "prune", "--yes")
    assert outcome.code == 0
    assert "someone/my-sa2va" in outcome.err
    assert "bert" not in outcome.err
    assert [path.name for path in cache.iterdir() if path.name != ".locks"] == ["models--bert--base"]


def test_prune_removes_what_is_named_and_says_what_there_is(sa2va, cache):
    put_into_cache(cache, "ByteDance/Sa2VA-1B")
    put_into_cache(cache, "ByteDance/Sa2VA-4B")
    assert sa2va("models", "prune", "1b", "--yes").code == 0
    assert [path.name for path in cache.glob("models--*")] == ["models--ByteDance--Sa2VA-4B"]
    check(sa2va("models", "prune", "1b", "--yes"), 5, "1b is not in the cache", "ByteDance/Sa2VA-4B")


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_prune_asks(sa2va, cache, monkeypatch, answer, left):
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    put_into_cache(cache, "ByteDance/Sa2VA-1B")
    monkeypatch.setattr(console.sys, "stdin", Terminal())
    outcome = sa2va("models", "prune")
    assert outcome.code == 0
    assert "Remove 1 model, 5.72 MB? [y/N]" in outcome.err
    assert len(list(cache.glob("models--*"))) == left


def test_prune_deletes_nothing_where_nobody_can_be_asked(sa2va, cache, monkeypatch):
    put_into_cache(cache, "ByteDance/Sa2VA-1B")
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(console.sys, "stdin", nobody)
        outcome = sa2va("models", "prune")
    check(outcome, 2, "--yes")
    assert len(list(cache.glob("models--*"))) == 1


def test_an_empty_cache_has_nothing_to_prune(sa2va):
    outcome = sa2va("models", "prune")
    assert outcome.code == 0
    assert "nothing to remove" in outcome.err


# convert, upgrade


@pytest.mark.parametrize("family", FAMILIES)
def test_there_and_back_is_exact_to_the_bit(family, sa2va, folder):
    source = checkpoint(family)
    outcome = sa2va("models", "convert", source, "native")
    assert outcome.code == 0, outcome.err
    assert outcome.out == "native\n"
    assert sa2va("models", "convert", "native", "back", "--to", "published").code == 0
    assert same(tensors_of(folder / "back"), tensors_of(source))
    before, after = (json.loads((place / "config.json").read_text()) for place in (source, folder / "back"))
    assert after == before
    for name in ("native", "back"):
        assert sa2va("models", "verify", name).code == 0
        assert not list((folder / name).glob("*.py"))


def test_float32_files_are_halved_and_can_be_kept(sa2va, folder):
    shutil.copytree(PLAIN, folder / "wide")
    weights = folder / "wide" / "model.safetensors"
    save_file({key: tensor.float() for key, tensor in load_file(weights).items()}, weights)
    result = json.loads(sa2va("models", "convert", "wide", "narrow", "--json").out)
    assert result["bytes"] < 0.52 * result["bytes_before"]
    assert sa2va("models", "convert", "wide", "kept", "--dtype", "keep").code == 0
    assert sa2va("models", "convert", "kept", "back", "--to", "published").code == 0
    assert same(tensors_of(folder / "back"), tensors_of(folder / "wide"))


def test_python_files_and_pickles_are_left_behind(sa2va, folder):
    shutil.copytree(PLAIN, folder / "model")
    (folder / "model" / "modeling_sa2va_chat.py").write_text("raise SystemExit('run')")
    (folder / "model" / "pytorch_model.bin").write_bytes(b"\x80\x04cposix\nsystem\n(S'exit 1'\ntR.")
    assert sa2va("models", "convert", "model", "native").code == 0
    suffixes = {path.suffix for path in (folder / "native").iterdir()}
    assert suffixes == {".json", ".safetensors"}


def test_a_model_without_published_config_gets_one(sa2va, folder):
    from sa2va_cli.checkpoints.layout import read_layout
    from sa2va_cli.checkpoints.loader import load_network
    from sa2va_cli.checkpoints.native import save_network

    network = load_network(PLAIN, torch.device("cpu"), torch.float32)
    save_network(network, read_layout(PLAIN).sam2, folder / "trained")
    assert sa2va("models", "convert", "trained", "published", "--to", "published").code == 0
    assert same(tensors_of(folder / "published"), tensors_of(PLAIN))
    assert read_layout(folder / "published") == read_layout(PLAIN)


def test_a_fine_tuned_state_dict_replaces_what_was_trained(sa2va, folder):
    trained = {"text_hidden_fcs.0.bias": torch.ones(128), "mllm.model.mlp1.0.bias": torch.ones(256)}
    torch.save({"state_dict": trained, "meta": {"epoch": 3}}, folder / "iter_3.pth")
    outcome = sa2va("models", "convert", "iter_3.pth", "mine", "--base", PLAIN, "--to", "published")
    assert outcome.code == 0, outcome.err
    before, after = tensors_of(PLAIN), tensors_of(folder / "mine")
    changed = [key for key in before if not torch.equal(before[key].float(), after[key].float())]
    assert changed == ["mlp1.0.bias", "text_hidden_fcs.0.bias"]
    assert after["mlp1.0.bias"].eq(1).all()


class Trap:
    def __reduce__(self):
        return os.system, ("touch was_run",)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"weights": Trap()}, ["not a state dict of tensors alone"]),
        ({"epoch": 3}, ["holds no tensors"]),
        ({"audio.weight": torch.zeros(1)}, ["'audio.weight'"]),
        ({"mlp1.0.bias": torch.zeros(3)}, ["[3]", "[256]"]),
        ({"mllm.model.language_model.base_model.model.q.lora_A.weight": torch.zeros(1)}, ["LoRA", "merge"]),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_and_not_run(sa2va, folder, state, words):
    torch.save(state, folder / "iter.pth")
    outcome = sa2va("models", "convert", "iter.pth", "mine", "--base", PLAIN)
    check(outcome, 5, "iter.pth", *words)
    assert outcome.files == ["iter.pth"]


@pytest.mark.parametrize(
    ("code", "arguments", "word"),
    [
        (2, ["iter.pth", "new"], "--base"),
        (5, ["iter.pth", "new", "--base", PLAIN], "no file iter.pth"),
        (2, [PLAIN, "new", "--base", PLAIN], "--base"),
        (2, [PLAIN, "new", "--to", "onnx"], "native or published"),
        (2, [PLAIN, "new", "--dtype", "int4"], "bf16, fp16, fp32"),
        (5, ["nothing-here", "new"], "nothing-here"),
        (7, [PLAIN, "full"], "full exists already"),
        (7, [PLAIN, "/proc/new"], "/proc/new"),
    ],
)
def test_what_cannot_be_converted_is_one_line(sa2va, folder, code, arguments, word):
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("precious")
    outcome = sa2va("models", "convert", *arguments)
    check(outcome, code, word)
    assert outcome.files == ["full", "full/thesis.tex"]


@pytest.fixture
def sam2(folder):
    """An original SAM 2 as transformers saves it: the tensors of the plain model's, but another decoder."""
    from sa2va_cli.checkpoints.conversion import convert

    convert(PLAIN, folder / "native", "native", None)
    tensors = tensors_of(folder / "native")
    prefix = "sam2.layers."
    original = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    changed = {
        k: (v + 1).clone() if k.startswith("mask_decoder.") else v.clone() for k, v in original.items()
    }
    (folder / "sam2").mkdir()
    save_file(changed, folder / "sam2" / "model.safetensors")
    return folder / "sam2"


@pytest.mark.parametrize("source", [PLAIN, "native"], ids=["published", "native"])
def test_an_upgrade_adds_the_original_decoder_and_changes_nothing_else(sa2va, folder, sam2, source):
    outcome = sa2va("models", "upgrade", source, "better", "--sam2", sam2)
    assert outcome.code == 0, outcome.err
    assert sa2va("models", "verify", "better").code == 0
    assert sa2va("models", "convert", "better", "out", "--to", "published", "--dtype", "keep").code == 0
    before, after = tensors_of(PLAIN), tensors_of(folder / "out")
    for key, tensor in before.items():
        if key.startswith(DECODER):
            assert torch.equal(after[key], tensor + 1), key
            assert torch.equal(after[TRAINED + key.removeprefix(DECODER)], tensor), key
        else:
            assert torch.equal(after[key], tensor), key
    assert len(after) == len(before) + sum(key.startswith(DECODER) for key in before)
    check(sa2va("models", "upgrade", "better", "again", "--sam2", sam2), 5, "both decoders already")


def test_what_cannot_be_upgraded_is_refused_before_sam_2_is_fetched(sa2va, folder, monkeypatch):
    (folder / "full").mkdir()
    (folder / "full" / "thesis.tex").write_text("precious")
    with serving() as (handler, address):
        point_to(monkeypatch, address)
        improved = checkpoint("sa2va-i-internvl-qwen2")
        check(sa2va("models", "upgrade", improved, "new"), 5, "both decoders already")
        outcome = sa2va("models", "upgrade", PLAIN, "full")
    check(outcome, 7, "full exists already")
    assert len(outcome.err.splitlines()) == 1
    assert handler.asked == []


def test_a_sam_2_of_another_size_is_refused(sa2va, folder, sam2):
    tensors = load_file(sam2 / "model.safetensors")
    tensors["mask_decoder.iou_token.weight"] = torch.zeros(1, 7)
    save_file(tensors, sam2 / "model.safetensors")
    check(sa2va("models", "upgrade", PLAIN, "new", "--sam2", sam2), 5, "[1, 7]", "facebook/sam2-hiera-large")
    save_file({"conv.weight": torch.zeros(1)}, sam2 / "model.safetensors")
    check(sa2va("models", "upgrade", PLAIN, "new", "--sam2", sam2), 5, "is this a SAM 2")
    assert not (folder / "new").exists()


@pytest.mark.parametrize("command", ["convert", "upgrade"])
def test_of_a_checkpoint_that_is_not_whole_nothing_is_made(sa2va, folder, command):
    shutil.copytree(PLAIN, folder / "part")
    tensors = load_file(PLAIN / "model.safetensors")
    gone = next(name for name in tensors if name.startswith(DECODER))
    save_file({name: one for name, one in tensors.items() if name != gone}, folder / "part/model.safetensors")
    check(sa2va("models", command, "part", "new"), 5, "do not fit the config: 1 missing")
    shutil.copytree(PLAIN, folder / "mute")
    (folder / "mute" / "tokenizer.json").unlink()
    check(sa2va("models", command, "mute", "new"), 5, "has neither tokenizer.json nor tokenizer.model")
    assert not (folder / "new").exists()
