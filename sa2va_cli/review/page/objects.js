// The list of objects, what can be done with one, and the places worth a look.

import { AskForText } from "./dialogs.js";
import { Icon, IconButton } from "./icons.js";
import { t, tServer } from "./language.js";
import { useStore } from "./store.js";
import { html, useState } from "./vendor/preact-htm.js";

export function Objects({ review }) {
  const clip = useStore(review, (state) => state.clip);
  return html`<div class="panel-body">
    <section aria-labelledby="objects-title">
      <h2 id="objects-title">${t("objects.title")}</h2>
      ${!clip.objects.length && html`<p class="empty">${t("objects.empty")}</p>`}
      <ul>
        ${clip.objects.map((one, at) => html`<${Row} key=${one.id} review=${review} object=${one} number=${at + 1} />`)}
      </ul>
      <${NewObject} review=${review} />
    </section>
    <${Chosen} review=${review} clip=${clip} />
    <${WorthALook} review=${review} clip=${clip} />
    <${Corrections} review=${review} clip=${clip} />
  </div>`;
}

function Row({ review, object, number }) {
  const chosen = useStore(review, (state) => state.target === object.id);
  const change = (edit) => review.change({ object: object.id, ...edit });
  return html`<li class=${`object${chosen ? " chosen" : ""}`} data-testid="object">
    <input
      type="color"
      value=${object.colour}
      aria-label=${t("objects.colour_of", { name: object.name })}
      title=${t("objects.colour")}
      onChange=${(event) => change({ type: "recolour", colour: event.target.value })}
    />
    <button
      type="button"
      class="object-name"
      aria-pressed=${chosen}
      title=${number < 10 ? `${object.prompt || object.name} (${number})` : object.prompt}
      onClick=${() => review.set({ target: object.id })}
    >
      <span>${object.name}</span>
    </button>
    <${IconButton}
      icon=${object.hidden ? "eyeOff" : "eye"}
      label=${t(object.hidden ? "objects.show" : "objects.hide")}
      onClick=${() => change({ type: "hide", hidden: !object.hidden })}
    />
  </li>`;
}

function NewObject({ review }) {
  const target = useStore(review, (state) => state.target);
  const tracks = useStore(review, (state) => state.clip.tracks);
  const add = (event) => {
    event.preventDefault();
    const input = event.target.elements.prompt;
    const prompt = input.value.trim();
    if (!prompt) return;
    input.value = "";
    review.find(prompt);
  };
  const point = () => {
    review.set({ target: null });
    review.takeUp(review.state.tool === "look" ? "point" : review.state.tool);
  };
  return html`<form class="new-object" onSubmit=${add}>
      <label class="hidden" for="new-words">${t("objects.by_words")}</label>
      <input
        id="new-words"
        name="prompt"
        type="text"
        autocomplete="off"
        placeholder=${t("objects.by_words")}
      />
      <button type="submit">${t("objects.add")}</button>
    </form>
    ${
      tracks &&
      html`<button
        type="button"
        class=${`wide-button${target === null ? " pressed" : ""}`}
        aria-pressed=${target === null}
        onClick=${point}
      >
        <${Icon} name="add" />${t("objects.by_pointing")}
      </button>`
    }`;
}

// --- what can be done with the object that is chosen ---

function Chosen({ review, clip }) {
  const target = useStore(review, (state) => state.target);
  const marks = useStore(review, (state) => state.marks);
  const frame = useStore(review, (state) => state.frame);
  const [renaming, setRenaming] = useState(false);
  const object = clip.objects.find((one) => one.id === target);
  if (!object) return null;
  const { first, last } = review.span;
  const marked = marks.in !== null || marks.out !== null;
  const change = (edit) => review.change({ object: object.id, ...edit });
  const others = clip.objects.filter((one) => one.id !== object.id);

  return html`<section class="chosen" aria-labelledby="chosen-title">
    <h2 id="chosen-title">${object.name}</h2>
    <div class="actions">
      <${Action} icon="pencil" words=${t("objects.rename")} act=${() => setRenaming(true)} />
      <${Action}
        icon="cut"
        words=${marked ? t("objects.drop_range", { first, last }) : t("objects.drop_frame", { frame })}
        keys="X"
        act=${() => dropChosen(review)}
      />
      <${Action}
        icon="split"
        words=${t("objects.split", { frame })}
        disabled=${frame === 0}
        act=${() => change({ type: "split", frame })}
      />
      ${
        others.length > 0 &&
        html`<label class="action-select">
          <${Icon} name="merge" />
          <select
            aria-label=${t("objects.merge")}
            value=""
            onChange=${(event) => change({ type: "merge", into: others[Number(event.target.value)].id })}
          >
            <option value="" disabled selected>${t("objects.merge")}</option>
            ${others.map((one, at) => html`<option key=${one.id} value=${at}>${one.name}</option>`)}
          </select>
        </label>`
      }
      <${Action}
        icon="trash"
        words=${t("objects.delete")}
        keys="Delete"
        act=${() => change({ type: "delete" })}
      />
    </div>
    ${
      renaming &&
      html`<${AskForText}
        title=${t("objects.rename")}
        label=${t("objects.name")}
        value=${object.name}
        action=${t("objects.rename")}
        close=${() => setRenaming(false)}
        give=${(name) => change({ type: "rename", name })}
      />`
    }
  </section>`;
}

function Action({ icon, words, keys, act, disabled }) {
  return html`<button
    type="button"
    disabled=${disabled}
    title=${keys ? `${words} (${keys})` : words}
    onClick=${act}
  >
    <${Icon} name=${icon} /><span>${words}</span>
  </button>`;
}

// Takes the chosen object's masks away between the marks, or on this frame where nothing is marked.
export function dropChosen(review) {
  const { frame, marks, target } = review.state;
  if (target === null) return;
  const marked = marks.in !== null || marks.out !== null;
  const span = marked ? review.span : { first: frame, last: frame };
  review.change({ type: "drop", object: target, ...span });
}

// --- places to go to ---

function WorthALook({ review, clip }) {
  const name = (id) => clip.objects.find((one) => one.id === id)?.name ?? "";
  if (!clip.objects.length) return null;
  return html`<section aria-labelledby="look-title">
    <h2 id="look-title">${t("ranges.title")} <span class="count">${clip.ranges.length}</span></h2>
    ${!clip.surveyed && html`<p class="empty"><span class="spinner"></span> ${t("ranges.looking")}</p>`}
    ${clip.surveyed && !clip.ranges.length && html`<p class="empty">${t("ranges.empty")}</p>`}
    <ul class="places">
      ${clip.ranges.map(
        (range, at) =>
          html`<${Place}
            key=${at}
            review=${review}
            place=${range}
            where=${range.first === range.last ? range.first : `${range.first}–${range.last}`}
            words=${`${name(range.object)}: ${tServer("why", range.why)}`}
          />`,
      )}
    </ul>
  </section>`;
}

// What was given for the same object on the same frame in the same way is one line.
function Corrections({ review, clip }) {
  const name = (id) => clip.objects.find((one) => one.id === id)?.name;
  const shown = clip.corrections.filter((one) => name(one.object) !== undefined); // not of objects that are gone
  const lines = Map.groupBy(shown, (one) => [one.frame, one.object, one.kind, one.words].join(" "));
  if (!lines.size) return null;
  return html`<section aria-labelledby="corrections-title">
    <h2 id="corrections-title">
      ${t("corrections.title")} <span class="count">${shown.length}</span>
    </h2>
    <ul class="places">
      ${[...lines].map(
        ([key, [one, ...more]]) =>
          html`<${Place}
            key=${key}
            review=${review}
            place=${{ first: one.frame, object: one.object }}
            where=${one.frame}
            words=${correctionWords(name(one.object), one)}
            count=${more.length + 1}
          />`,
      )}
    </ul>
  </section>`;
}

// Whose correction it is, and what it was; a name that was looked for is not said twice.
function correctionWords(name, { words, kind }) {
  return [...new Set([name, words || tServer("correction", kind)])].join(": ");
}

function Place({ review, place, where, words, count = 1 }) {
  return html`<li>
    <button type="button" onClick=${() => review.goTo(place)}>
      <span class="where">${where}</span>
      <span>${words}${count > 1 && html` <span class="count">×${count}</span>`}</span>
    </button>
  </li>`;
}
