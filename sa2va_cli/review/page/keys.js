// What the keys do, in one table: the page obeys it and its help shows it.

import { dropChosen } from "./objects.js";
import { changeRadius } from "./tools.js";
import { shuttle, togglePlaying, toggleWipe, zoomBy } from "./transport.js";

const correctionFrames = (review) => review.state.clip.corrections.map((one) => one.frame);

// `keys` are named as `nameOf` names them; the first one is shown. `group` and `words` are keys of the language tables.
export const TABLE = [
  { group: "playing", keys: ["Space"], words: "keys.play", act: togglePlaying },
  { group: "playing", keys: ["L"], words: "keys.forward", act: (review) => shuttle(review, 1) },
  { group: "playing", keys: ["J"], words: "keys.backward", act: (review) => shuttle(review, -1) },
  { group: "playing", keys: ["K"], words: "keys.pause", act: (review) => review.setSpeed(0) },
  { group: "playing", keys: ["→", "."], words: "keys.step", act: (review) => review.step(1) },
  { group: "playing", keys: ["←", ","], words: "keys.step_back", act: (review) => review.step(-1) },
  { group: "playing", keys: ["Shift+→"], words: "keys.ten", act: (review) => review.step(10) },
  { group: "playing", keys: ["Shift+←"], words: "keys.ten_back", act: (review) => review.step(-10) },
  { group: "playing", keys: ["Home"], words: "keys.first", act: (review) => review.seek(0) },
  { group: "playing", keys: ["End"], words: "keys.last", act: (review) => review.seek(Infinity) },
  {
    group: "places",
    keys: ["N"],
    words: "keys.range",
    act: (review) => review.jumpToRange(1),
  },
  {
    group: "places",
    keys: ["Shift+N"],
    words: "keys.range_back",
    act: (review) => review.jumpToRange(-1),
  },
  {
    group: "places",
    keys: ["C"],
    words: "keys.cut",
    act: (review) => review.jump(review.state.clip.cuts, 1),
  },
  {
    group: "places",
    keys: ["Shift+C"],
    words: "keys.cut_back",
    act: (review) => review.jump(review.state.clip.cuts, -1),
  },
  {
    group: "places",
    keys: ["G"],
    words: "keys.correction",
    act: (review) => review.jump(correctionFrames(review), 1),
  },
  { group: "places", keys: ["I"], words: "keys.in", act: (review) => review.mark("in") },
  { group: "places", keys: ["O"], words: "keys.out", act: (review) => review.mark("out") },
  { group: "view", keys: ["M"], words: "keys.mode", act: (review) => review.cycleMode() },
  { group: "view", keys: ["W"], words: "keys.wipe", act: toggleWipe },
  { group: "view", keys: ["+", "="], words: "keys.larger", act: (review) => zoomBy(review, 1.5) },
  { group: "view", keys: ["-"], words: "keys.smaller", act: (review) => zoomBy(review, 1 / 1.5) },
  { group: "view", keys: ["0"], words: "keys.fit", act: (review) => review.look(null) },
  { group: "correcting", keys: ["V"], words: "tools.look", act: (review) => review.takeUp("look") },
  { group: "correcting", keys: ["P"], words: "tools.point", act: (review) => takeTool(review, "point") },
  { group: "correcting", keys: ["B"], words: "tools.box", act: (review) => takeTool(review, "box") },
  { group: "correcting", keys: ["U"], words: "tools.brush", act: (review) => takeTool(review, "brush") },
  {
    group: "correcting",
    keys: ["E"],
    words: "tools.eraser",
    act: (review) => takeTool(review, "eraser"),
  },
  { group: "correcting", keys: ["]"], words: "keys.wider", act: (review) => changeRadius(review, 1.25) },
  { group: "correcting", keys: ["["], words: "keys.thinner", act: (review) => changeRadius(review, 0.8) },
  { group: "correcting", keys: ["X"], words: "keys.drop", act: dropChosen },
  {
    group: "correcting",
    keys: ["Delete"],
    words: "keys.delete",
    act: (review) => changeChosen(review, { type: "delete" }),
  },
  { group: "correcting", keys: ["H"], words: "keys.hide", act: hideChosen },
  { group: "correcting", keys: ["Ctrl+Z"], words: "keys.undo", act: (review) => review.undo() },
  {
    group: "correcting",
    keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
    words: "keys.redo",
    act: (review) => review.redo(),
  },
  { group: "correcting", keys: ["Ctrl+S"], words: "keys.save", act: (review) => review.save() },
];

function takeTool(review, tool) {
  if (review.state.clip.tracks) review.takeUp(tool);
}

function changeChosen(review, edit) {
  if (review.chosen) review.change({ object: review.chosen.id, ...edit });
}

function hideChosen(review) {
  changeChosen(review, { type: "hide", hidden: !review.chosen?.hidden });
}

const NAMES = { " ": "Space", ArrowRight: "→", ArrowLeft: "←" };

// "Ctrl+Shift+Z"; shift is left out where it only makes the character itself, as in "+".
function nameOf(event) {
  const name = NAMES[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const shift =
    event.shiftKey && (name.length > 1 || name !== name.toLowerCase() || name === "→" || name === "←");
  return control + (shift ? "Shift+" : "") + name;
}

// Does what a key stands for; digits choose an object. Keys that are meant for a field or a button are left alone.
export function obey(review, event) {
  if (event.altKey || event.defaultPrevented || !review.state.clip || isMeantForOthers(event)) return;
  const name = nameOf(event);
  const row = TABLE.find((one) => one.keys.includes(name));
  const object = /^[1-9]$/.test(name) && review.state.clip.objects[Number(name) - 1];
  if (!row && !object) return;
  event.preventDefault();
  if (object) review.set({ target: object.id });
  else row.act(review);
}

function isMeantForOthers(event) {
  const { target } = event;
  if (target.closest("dialog")) return true;
  if (event.ctrlKey || event.metaKey) return false;
  const typing = "input:not([type=range], [type=checkbox], [type=radio], [type=color]), textarea, select";
  if (target.matches(typing)) return true;
  if (event.key === " ") return target.matches("button, a, summary, input");
  return event.key.startsWith("Arrow") && target.matches("input, [role=tab], [role=slider]:not(.ruler)");
}
