"""The page in a real browser, on a server that runs as people run it. Skipped where there is no Chromium."""

import base64
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from clips import make_video, number_of
from PIL import Image
from reviewing import Server

from sa2va_cli.commands.app import main
from sa2va_cli.demo.scene import Scene
from sa2va_cli.demo.world import scene_seed, write_clip

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed (pip install playwright)"
)
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (apt-get install chromium)")

expect = playwright.expect
SIZE = (320, 180)
FRAMES = 16
PATIENCE_MS = 120_000
"""Machines that run tests are busy; a test that passes does not wait."""

AXE = Path(__file__).parent / "axe" / "axe.min.js"


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: clips of the demo world with tracks, and one without any that counts its frames."""
    folder = tmp_path_factory.mktemp("shots")
    scene = Scene.sample(scene_seed("clips", 5743, 0), FRAMES)
    video, truth = write_clip(scene, folder / "one", SIZE, audio=True)
    truth.unlink()
    words = ["segment", str(video), "girl in red dress", "--model", "demo", "--device", "cpu", "--quiet"]
    assert main([*words, "--save", "tracks", "-o", str(folder / "one.tracks.sa2va")]) == 0
    for name in ("two", "three", "four"):
        shutil.copy(video, folder / f"{name}.mp4")
        shutil.copy(folder / "one.tracks.sa2va", folder / f"{name}.tracks.sa2va")
    make_video(folder / "numbers.mp4", size=SIZE)
    return folder


@pytest.fixture(scope="module")
def server(shots: Path) -> Iterator[Server]:
    with Server(shots) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def tab(browser, server: Server):
    """A page that knows the token, for all tests: a new one would be a process that begins with nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    opened = context.new_page()
    opened.goto(server.address)
    yield opened
    context.close()


@pytest.fixture
def page(tab):
    """The page, in which nothing may go wrong unseen; what is chosen in it is not left to the next test."""
    problems: list[str] = []

    def note(problem) -> None:
        problems.append(str(problem.error))

    tab.context.on("weberror", note)
    yield tab
    tab.context.remove_listener("weberror", note)
    tab.unroute_all()
    tab.emulate_media(color_scheme="light")
    tab.evaluate("localStorage.clear(), sessionStorage.clear()")
    assert problems == []


def open_queue(page, server: Server) -> None:
    """Shows all clips."""
    page.goto(server.address.partition("?")[0])


def open_clip(page, server: Server, name: str) -> None:
    """Shows one clip, through the queue."""
    open_queue(page, server)
    page.get_by_test_id("card").filter(has_text=name).click()
    expect(page.get_by_test_id("stage")).to_have_attribute("data-frame", "0")


def picture(page) -> np.ndarray:
    """(H, W, 3) uint8: what the canvas shows of the video, at the video's own size."""
    data = page.get_by_test_id("stage").evaluate(
        """(canvas, [width, height]) => {
            const scale = Math.min(canvas.width / width, canvas.height / height);
            const copy = new OffscreenCanvas(width, height);
            const [wide, high] = [width * scale, height * scale];
            const [left, top] = [(canvas.width - wide) / 2, (canvas.height - high) / 2];
            copy.getContext("2d").drawImage(canvas, left, top, wide, high, 0, 0, width, height);
            return copy.convertToBlob().then((blob) => new Promise((done) => {
                const reader = new FileReader();
                reader.onload = () => done(reader.result.split(",")[1]);
                reader.readAsDataURL(blob);
            }));
        }""",
        list(SIZE),
    )
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def shows(page, frame: int) -> None:
    """Waits until a frame is on the screen, its masks too where it has any."""
    expect(page.get_by_test_id("stage")).to_have_attribute("data-frame", str(frame))


def go_to(page, frame: int) -> None:
    """Shows a frame by its number, and gives the keyboard back."""
    page.get_by_test_id("frame").fill(str(frame))
    page.keyboard.press("Enter")
    page.get_by_test_id("stage").focus()
    shows(page, frame)


def click_source(page, x: float, y: float, **how) -> None:
    """Clicks a pixel of the video."""
    box = page.get_by_test_id("stage").bounding_box()
    scale = min(box["width"] / SIZE[0], box["height"] / SIZE[1])
    left, top = (box["width"] - SIZE[0] * scale) / 2, (box["height"] - SIZE[1] * scale) / 2
    page.get_by_test_id("stage").click(position={"x": left + x * scale, "y": top + y * scale}, **how)


def test_frames_are_exact_however_one_gets_there(page, server):
    open_clip(page, server, "numbers")
    page.get_by_role("button", name="Only look").click()
    assert number_of(picture(page)) == 0
    for press, frame in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("Shift+ArrowRight", 12),
        ("ArrowLeft", 11),
        ("End", 19),
    ):
        page.keyboard.press(press)
        shows(page, frame)
        assert number_of(picture(page)) == frame
    page.get_by_test_id("frame").fill("7")
    page.keyboard.press("Enter")
    shows(page, 7)
    assert number_of(picture(page)) == 7
    page.get_by_test_id("stage").focus()
    page.keyboard.press("l")
    shows(page, 19)
    assert number_of(picture(page)) == 19


def test_no_page_has_a_serious_fault_of_accessibility(page, server):
    open_queue(page, server)
    expect(page.get_by_test_id("card")).to_have_count(5)
    faults = {"queue": serious_faults(page)}
    page.get_by_test_id("card").first.focus()
    page.keyboard.press("r")
    faults["rejecting"] = serious_faults(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("card").filter(has_text="numbers").click()
    expect(page.get_by_label("One thing on each line")).to_be_visible()
    faults["what to find"] = serious_faults(page)
    page.get_by_role("button", name="All clips").click()
    page.get_by_test_id("card").filter(has_text="one").click()
    shows(page, 0)
    for tab in ("Ask", "Deliver", "Objects"):
        page.get_by_role("tab", name=tab).click()
        faults[tab] = serious_faults(page)
    page.get_by_role("button", name="Rename").click()
    faults["renaming"] = serious_faults(page)
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.keyboard.press("w")
    faults["brush and wipe"] = serious_faults(page)
    page.get_by_role("tab", name="Deliver").click()
    page.get_by_role("radio", name="Effects").check()
    page.get_by_test_id("output").select_option("spotlight")
    page.get_by_text("More options").click()
    page.get_by_role("button", name="Preview frame 0").click()
    expect(page.get_by_test_id("preview")).to_be_visible()
    faults["options and preview"] = serious_faults(page)
    page.get_by_test_id("preview").click()
    faults["large preview"] = serious_faults(page)
    page.keyboard.press("Escape")
    page.get_by_role("radio", name="Files").check()
    page.get_by_test_id("output").select_option("coco")
    page.get_by_test_id("deliver").click()
    expect(page.get_by_test_id("delivered")).to_be_visible()
    faults["delivered"] = serious_faults(page)
    page.emulate_media(color_scheme="dark")
    faults["dark"] = serious_faults(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    faults["help"] = serious_faults(page)
    assert {state: found for state, found in faults.items() if found} == {}


def serious_faults(page) -> list[str]:
    """What axe-core calls serious or critical."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(
            AXE.read_text(encoding="utf-8")
        )  # as a debugger would, past the content security policy
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


def change_mask(page, act) -> np.ndarray:
    """Does something to a mask; gives the picture that comes of it, once all frames are done."""
    before = picture(page)
    act()
    expect(page.get_by_text("Working on this frame")).to_be_hidden()
    expect(page.get_by_test_id("job")).to_have_count(0)
    page.wait_for_function("() => document.querySelector('[data-testid=undo]').disabled === false")
    return changed(page, before)


def settled(page) -> np.ndarray:
    """The picture when it does not change any more."""
    page.wait_for_load_state("networkidle")
    last, same = picture(page), 0
    while same < 3:
        page.wait_for_timeout(150)
        now = picture(page)
        same = same + 1 if np.array_equal(now, last) else 0
        last = now
    return last


def changed(page, before: np.ndarray) -> np.ndarray:
    """Waits until the picture is another; gives it when it does not change any more."""
    for _ in range(PATIENCE_MS // 200):
        if not np.array_equal(picture(page), before):
            return settled(page)
        page.wait_for_timeout(200)
    raise AssertionError("the picture stays as it was")


def becomes(page, wanted: np.ndarray) -> None:
    """Waits until the picture is this one."""
    for _ in range(PATIENCE_MS // 200):
        if np.array_equal(picture(page), wanted):
            return
        page.wait_for_timeout(200)
    np.testing.assert_array_equal(picture(page), wanted)


def test_a_click_changes_the_mask_undo_takes_it_back_and_what_is_saved_stays(page, server, shots):
    open_clip(page, server, "two")
    tracks = shots / "two.tracks.sa2va"
    as_found = tracks.read_bytes()
    first = settled(page)
    page.keyboard.press("p")
    corrected = change_mask(page, lambda: click_source(page, 240, 60))
    page.keyboard.press("Control+z")
    expect(page.get_by_test_id("redo")).to_be_enabled()
    becomes(page, first)
    page.keyboard.press("Control+Shift+z")
    expect(page.get_by_test_id("redo")).to_be_disabled()
    becomes(page, corrected)
    assert tracks.read_bytes() == as_found
    page.keyboard.press("Control+s")
    expect(page.get_by_test_id("save")).to_be_disabled()
    assert tracks.read_bytes() != as_found
    page.reload()
    shows(page, 0)
    page.keyboard.press("p")
    becomes(page, corrected)


def test_everything_about_objects_is_done_and_undone(page, server):
    open_clip(page, server, "three")
    rows, undo = page.get_by_test_id("object"), page.get_by_test_id("undo")
    first = settled(page)
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("somebody")
    page.keyboard.press("Enter")
    expect(rows).to_contain_text("somebody")
    page.get_by_label("Colour of somebody").fill("#00c000")
    expect(undo).to_have_accessible_name(re.compile("Undo: colour"))
    changed(page, first)
    go_to(page, 4)
    page.get_by_role("button", name="Split at frame 4").click()
    expect(rows).to_have_count(2)
    page.get_by_label("Merge into").select_option(label="somebody")
    expect(rows).to_have_count(1)
    go_to(page, 2)
    page.keyboard.press("i")
    go_to(page, 5)
    page.keyboard.press("o")
    page.get_by_role("button", name="Drop masks 2–5").click()
    expect(undo).to_have_accessible_name(re.compile("Undo: drop masks"))
    page.keyboard.press("Delete")
    expect(rows).to_have_count(0)
    for count in (1, 1, 2, 1, 1, 1):
        undo.click()
        expect(rows).to_have_count(count)
    expect(undo).to_be_disabled()
    go_to(page, 0)
    page.keyboard.press("1")
    becomes(page, first)


def test_a_new_object_is_made_with_a_box_and_with_words(page, server):
    open_clip(page, server, "three")
    page.get_by_role("button", name="Point at a new object").click()
    page.keyboard.press("b")
    box = page.get_by_test_id("stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.7, steps=4)
    page.mouse.up()
    expect(page.get_by_test_id("object")).to_have_count(2)
    page.get_by_label("A new object in words").fill("the unicorn of glass")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("job").or_(page.get_by_test_id("notice")).first).to_be_visible()
    expect(page.get_by_test_id("job")).to_have_count(0)
    while page.get_by_test_id("undo").is_enabled():
        page.get_by_test_id("undo").click()
        page.wait_for_timeout(300)
    expect(page.get_by_test_id("object")).to_have_count(1)


def test_what_can_be_delivered_is_asked_for_again_where_that_failed(page, server):
    open_clip(page, server, "one")
    page.route("**/api/v1/outputs", lambda route: route.fulfill(status=500, body="no"))
    page.get_by_role("tab", name="Deliver").click()
    expect(page.get_by_role("alert")).to_contain_text("500")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_test_id("output")).to_be_visible()


def test_what_became_known_before_the_page_listened_is_read_again(page, server):
    unheard: list = []

    def early(route):
        found = route.fetch()
        route.fulfill(response=found, json=found.json() | {"surveyed": False})

    def held(route):
        unheard.append(route)

    page.route("**/api/v1/events", held)
    open_queue(page, server)
    page.route("**/api/v1/clips/*", early, times=1)  # now, as what the page showed before may ask, too
    page.get_by_test_id("card").filter(has_text="one").click()
    expect(page.get_by_text("Looking all frames through")).to_be_visible()
    page.wait_for_load_state("networkidle")
    unheard[-1].continue_()
    expect(page.get_by_text("Looking all frames through")).to_have_count(0)


def test_frames_have_the_times_of_the_source_and_ranges_choose_their_object(page, server):
    open_queue(page, server)
    told = page.evaluate(
        """async () => {
            const { frameAt, secondsOf } = await import("/timecode.js");
            const clip = { start: 1, rate: [10, 1], frames: 5, times: null };
            const uneven = { ...clip, times: [1, 1.1, 3.1, 3.2, 3.3] };
            const at = [0, 1, 1.09, 1.1, 3, 3.1, 9].map((one) => [frameAt(clip, one), frameAt(uneven, one)]);
            const { Review } = await import("/review.js");
            const review = new Review("none");
            review.want = () => {};
            const range = (first, object) => ({ first, last: first, object });
            const objects = [{ id: 7 }, { id: 3 }];
            const ranges = [range(0, 3), range(4, 3), range(4, 7)];
            review.set({ clip: { ...clip, objects, ranges }, target: 7 });
            const places = [1, 1, 1, 1, -1].map((direction) => {
                review.jumpToRange(direction);
                return [review.state.frame, review.state.target];
            });
            return { at, places, seconds: [secondsOf(clip, 2), secondsOf(uneven, 2)] };
        }"""
    )
    assert told["at"] == [[0, 0], [0, 0], [0, 0], [1, 1], [4, 1], [4, 2], [4, 4]]
    assert told["places"] == [[0, 3], [4, 7], [4, 3], [0, 3], [4, 3]]
    assert told["seconds"] == [1.2, 3.1]


def test_what_goes_wrong_is_told_in_the_language_that_was_chosen(page, server):
    open_clip(page, server, "one")
    page.get_by_role("button", name="中文").click()
    page.get_by_role("tab", name="交付").click()
    page.get_by_test_id("output").select_option("coco")
    page.get_by_role("button", name="预览第 0 帧").click()
    expect(page.get_by_test_id("notice")).to_contain_text("“coco”不是画面，无法预览。")


def test_two_tabs_show_the_same(page, server):
    one, other = page, page.context.new_page()
    for tab in (one, other):
        open_clip(tab, server, "three")
    before = settled(other)
    one.get_by_test_id("object").get_by_role("button", name="Hide").click()
    expect(other.get_by_test_id("object").get_by_role("button", name="Show")).to_be_visible()
    becomes(one, changed(other, before))
    other.get_by_test_id("undo").click()
    expect(one.get_by_test_id("object").get_by_role("button", name="Hide")).to_be_visible()
    other.close()


def test_a_clip_is_corrected_and_accepted_with_the_keyboard_alone(page, server):
    open_queue(page, server)
    expect(page.get_by_test_id("card")).to_have_count(5)
    while "four" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    shows(page, 0)
    expect(page.get_by_test_id("stage")).to_be_focused()
    page.keyboard.press("ArrowRight")
    shows(page, 1)
    page.keyboard.press("p")

    def point():
        for _ in range(5):
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")

    change_mask(page, point)
    page.keyboard.press("Control+s")
    expect(page.get_by_test_id("save")).to_be_disabled()
    while page.evaluate("document.activeElement.textContent").strip() != "Accept":
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("banner").get_by_text("corrected")).to_be_visible()


def test_something_is_delivered_and_asked_with_the_keyboard_alone(page, server):
    open_clip(page, server, "two")

    def tab_to(words: str, key: str = "Tab") -> None:
        for _ in range(60):
            if words in page.evaluate(
                "document.activeElement.innerText || document.activeElement.name || ''"
            ):
                return
            page.keyboard.press(key)
        raise AssertionError(f"the tab key does not lead to {words!r}")

    tab_to("Objects")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Ask")).to_be_focused()
    tab_to("question")
    page.keyboard.type("What is this?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="New conversation")).to_be_enabled()
    tab_to("Ask", "Shift+Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_test_id("deliver")).to_be_visible()
    tab_to("Make the file")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("delivered")).to_be_visible()


def test_a_number_that_is_being_written_survives_news_of_the_clip(page, server):
    open_clip(page, server, "four")
    page.get_by_test_id("frame").fill("7")
    page.evaluate(
        """async () => {
            const { clips } = await (await fetch("/api/v1/clips")).json();
            const { id } = clips.find((one) => one.name.includes("four"));
            await fetch(`/api/v1/clips/${id}/edits`, {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ type: "recolour", object: 1, colour: "#112233" }),
            });
        }"""
    )
    expect(page.get_by_label(re.compile("Colour of"))).to_have_value("#112233")
    page.keyboard.press("Enter")
    shows(page, 7)


def test_a_queue_is_decided_with_the_keyboard(page, server):
    open_queue(page, server)
    card = page.get_by_test_id("card").filter(has_text="numbers")
    card.focus()
    page.keyboard.press("r")
    page.keyboard.type("nothing to find")
    page.keyboard.press("Enter")
    expect(card).to_contain_text("rejected")
    expect(card).to_contain_text("nothing to find")
    expect(page.locator("[data-testid=card]:focus")).to_have_count(1)  # the next one may follow at once
    card.focus()
    page.keyboard.press("u")
    expect(card).not_to_contain_text("rejected")


def test_a_matte_is_what_the_command_that_is_shown_makes(page, server, shots, tmp_path):
    open_clip(page, server, "one")
    page.get_by_role("tab", name="Deliver").click()
    page.get_by_test_id("output").select_option("matte")
    page.get_by_role("button", name="Preview frame 0").click()
    expect(page.get_by_test_id("preview")).to_be_visible()
    page.get_by_test_id("deliver").click()
    expect(page.get_by_test_id("delivered")).to_contain_text("one.matte.mov")
    words = shlex.split(page.get_by_test_id("command").inner_text())
    assert words[:2] == ["sa2va", "render"]
    words[words.index("--output") + 1] = f"{tmp_path}/"
    assert main([*words[1:], "--quiet"]) == 0
    assert (shots / "one.matte.mov").read_bytes() == (tmp_path / "one.matte.mov").read_bytes()


def test_a_question_is_answered_and_what_it_names_becomes_an_object(page, server):
    open_clip(page, server, "three")
    page.get_by_role("tab", name="Ask").click()
    page.get_by_label("Question").fill("Can you segment the girl in red dress?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make").click()
    expect(page.get_by_test_id("undo")).to_be_enabled()
    page.get_by_role("tab", name="Objects").click()
    expect(page.get_by_test_id("object")).to_have_count(2)


def test_words_are_those_of_the_language_and_the_theme_that_were_chosen(page, server):
    open_clip(page, server, "one")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("tab", name="对象")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.get_by_role("button", name="主题：跟随系统").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.get_by_role("tab", name="交付")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_timeline_is_drawn_in_the_colours_of_the_theme(page, server):
    open_clip(page, server, "one")
    seen = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(
            """() => {
                const ruler = document.querySelector(".ruler");
                const tick = ruler.getContext("2d").getImageData(0, ruler.height - 2, 1, 1).data;
                const quiet = getComputedStyle(document.querySelector(".where .quiet")).color;
                return quiet === `rgb(${tick[0]}, ${tick[1]}, ${tick[2]})`;
            }"""
        )
        seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_what_is_begun_on_a_frame_that_plays_stops_there(page, server):
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.route("**/frames/12?*", lambda _: None)  # playing waits for a picture that never comes
    open_queue(page, server)
    page.get_by_test_id("card").filter(has_text="one").click()
    shows(page, 0)
    page.keyboard.press("b")
    page.keyboard.press("Space")
    shows(page, 11)
    expect(page.get_by_test_id("play")).to_have_accessible_name("Pause")
    page.get_by_test_id("stage").hover()
    page.mouse.down()
    expect(page.get_by_test_id("play")).to_have_accessible_name("Play")
    page.mouse.up()
    shows(page, 11)
    page.get_by_test_id("stage").focus()
    page.keyboard.press("Enter")
    page.keyboard.press(",")
    shows(page, 10)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    shows(page, 10)
    assert [url for url in sent if url.endswith("/edits")] == []


def test_a_server_that_was_killed_is_missed_and_everything_is_found_again(page, server):
    open_clip(page, server, "one")
    page.keyboard.press("p")
    change_mask(page, lambda: click_source(page, 240, 60))
    server.kill()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    server.start()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_text("does not answer")).to_have_count(0)
    expect(page.get_by_text("Corrections")).to_be_visible()
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("redo")).to_be_enabled()
