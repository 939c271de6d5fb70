// Making files: what can be made, with which options, for which objects; a preview, and the command that does the same.

import * as api from "./api.js";
import { Dialog } from "./dialogs.js";
import { Icon } from "./icons.js";
import { copy, Delivered, JobLines } from "./jobs.js";
import { said, t, tHelp } from "./language.js";
import { attempt, page } from "./page_state.js";
import { useStore } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

const GROUPS = [
  { list: "kinds", field: "kind" },
  { list: "presets", field: "preset" },
  { list: "effects", field: "effect" },
];

export function Deliver({ review }) {
  const [outputs, problem, again] = useOutputs();
  if (problem)
    return html`<div class="panel-body">
      <p class="empty" role="alert">${said(problem)}</p>
      <button type="button" class="wide-button" onClick=${again}>${t("problem.again")}</button>
    </div>`;
  if (!outputs)
    return html`<div class="panel-body">
      <p class="empty"><span class="spinner"></span> ${t("loading")}</p>
    </div>`;
  return html`<${Order} review=${review} outputs=${outputs} />`;
}

let known = null; // the tables do not change while the server runs

function useOutputs() {
  const connected = useStore(page, (state) => state.connected);
  const [outputs, setOutputs] = useState(known);
  const [problem, setProblem] = useState(null);
  const read = async () => {
    setProblem(null);
    try {
      known = await api.readOutputs();
      setOutputs(known);
    } catch (refused) {
      if (!(refused instanceof api.ApiError)) throw refused;
      setProblem(refused.problem);
    }
  };
  useEffect(() => {
    if (connected && !known) read(); // also when the server is back
  }, [connected]);
  return [outputs, problem, read];
}

function Order({ review, outputs }) {
  const clip = useStore(review, (state) => state.clip);
  const [order, setOrder] = useState(review.order ?? firstOrder(outputs));
  const [command, setCommand] = useState(null);
  const change = (part) => {
    review.order = { ...order, ...part };
    setOrder(review.order);
    setCommand(null);
  };
  const group = GROUPS[order.group];
  const rows = outputs[group.list];
  const row = rows.find((one) => one.name === order.name) ?? rows[0];
  const wanted = () => ({ [group.field]: row.name, options: order.options, objects: order.objects });

  const send = async (event) => {
    event.preventDefault();
    const answer = await attempt(() => api.deliver(clip.id, wanted()));
    if (answer) setCommand(answer.command);
  };

  return html`<div class="panel-body">
    <form class="deliver" onSubmit=${send}>
      <fieldset class="segments">
        <legend class="hidden">${t("deliver.what")}</legend>
        ${GROUPS.map(
          ({ list }, at) =>
            html`<label key=${list}>
              <input
                type="radio"
                name="group"
                checked=${at === order.group}
                onChange=${() => change({ group: at, name: outputs[list][0].name, options: {} })}
              />
              <span>${t(`deliver.${list}`)}</span>
            </label>`,
        )}
      </fieldset>
      <label class="field">
        <span>${t(`deliver.choose.${group.list}`)}</span>
        <select
          value=${row.name}
          data-testid="output"
          onChange=${(event) => change({ name: event.target.value, options: {} })}
        >
          ${rows.map((one) => html`<option key=${one.name} value=${one.name}>${one.title || one.name}</option>`)}
        </select>
      </label>
      <p class="help">${tHelp(row.help)}</p>
      <${Options}
        key=${row.name}
        row=${row}
        values=${order.options}
        set=${(options) => change({ options })}
      />
      <${WhichObjects} clip=${clip} chosen=${order.objects} set=${(objects) => change({ objects })} />
      <${Preview} review=${review} wanted=${wanted} order=${order} />
      <footer>
        <button type="submit" class="primary" disabled=${!clip.objects.length} data-testid="deliver">
          ${t("deliver.make")}
        </button>
      </footer>
    </form>
    ${command && html`<${Command} command=${command} />`}
    <${JobLines} clip=${clip.id} />
    <${Delivered} clip=${clip.id} />
  </div>`;
}

const firstOrder = (outputs) => ({ group: 0, name: outputs.kinds[0].name, options: {}, objects: null });

// Only options that differ from their defaults are sent, as on a command line. An effect's own parameters are in sight,
// options of all kinds of file are folded away.
function Options({ row, values, set }) {
  const change = (option, value) => {
    const changed = { ...values, [option.name]: value };
    if (value === null || same(value, option.default)) delete changed[option.name];
    set(changed);
  };
  const field = (option) =>
    html`<${Field}
      key=${option.name}
      option=${option}
      value=${values[option.name] ?? option.default}
      set=${(value) => change(option, value)}
    />`;
  return html`${(row.parameters ?? []).map(field)}
    <details class="options">
      <summary>${t("deliver.options", { count: row.options.length })}</summary>
      ${row.options.map(field)}
    </details>`;
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function Field({ option, value, set }) {
  const name = option.name.replaceAll("_", " ");
  if (option.type === "boolean") {
    return html`<label class="check" title=${tHelp(option.help)}>
      <input type="checkbox" checked=${value} onChange=${(event) => set(event.target.checked)} />
      <span>${name}</span>
    </label>`;
  }
  return html`<label class="field" title=${option.allowed ?? ""}>
    <span>${name}</span>
    ${
      option.choices?.length
        ? html`<select value=${value ?? ""} onChange=${(event) => set(event.target.value || null)}>
            ${option.default === null && html`<option value="">${t("deliver.automatic")}</option>`}
            ${option.choices.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
          </select>`
        : html`<input
            type=${isNumber(option) ? "number" : "text"}
            step=${option.type === "integer" ? 1 : "any"}
            value=${value ?? ""}
            placeholder=${option.required ? "" : t("deliver.automatic")}
            min=${option.minimum ?? undefined}
            max=${option.maximum ?? undefined}
            required=${option.required}
            onChange=${(event) => set(read(option, event.target.value.trim()))}
          />`
    }
    <small>${tHelp(option.help)}</small>
  </label>`;
}

const isNumber = (option) => option.type === "integer" || option.type === "number";

function read(option, text) {
  if (text === "") return null;
  if (option.type === "list") return text.split(/\s*,\s*/);
  const readsAsNumber = option.type.includes("number") && Number.isFinite(Number(text));
  return isNumber(option) || readsAsNumber ? Number(text) : text;
}

// `null` means all objects.
function WhichObjects({ clip, chosen, set }) {
  if (clip.objects.length < 2) return null;
  const all = clip.objects.map((one) => one.id);
  const toggle = (id) => {
    const now = (chosen ?? all).includes(id)
      ? (chosen ?? all).filter((one) => one !== id)
      : [...(chosen ?? all), id];
    set(now.length === all.length ? null : now);
  };
  return html`<fieldset class="which">
    <legend>${t("deliver.objects")}</legend>
    ${clip.objects.map(
      (one) =>
        html`<label class="check" key=${one.id}>
          <input
            type="checkbox"
            checked=${(chosen ?? all).includes(one.id)}
            onChange=${() => toggle(one.id)}
          />
          <span class="swatch" style=${{ background: one.colour }}></span><span>${one.name}</span>
        </label>`,
    )}
  </fieldset>`;
}

function Preview({ review, wanted, order }) {
  const frame = useStore(review, (state) => state.frame);
  const revision = useStore(review, (state) => state.clip.revision);
  const [shown, setShown] = useState(null);
  const [busy, setBusy] = useState(false);
  const [large, setLarge] = useState(false);
  useEffect(() => () => shown && URL.revokeObjectURL(shown), [shown]);
  useEffect(() => setShown(null), [order, frame, revision]);
  const make = async (event) => {
    if (!event.currentTarget.form.reportValidity()) return; // an effect may need a colour, for example
    setBusy(true);
    const picture = await attempt(() => api.preview(review.id, { ...wanted(), frame }));
    setBusy(false);
    if (picture) setShown(URL.createObjectURL(picture));
  };
  const title = t("deliver.preview_of", { frame });
  return html`<div class="preview">
    ${
      shown
        ? html`<button
            type="button"
            class="picture"
            title=${t("deliver.larger")}
            onClick=${() => setLarge(true)}
          >
            <img src=${shown} alt=${title} data-testid="preview" />
          </button>`
        : html`<button type="button" class="wide-button" disabled=${busy} onClick=${make}>
            ${busy ? html`<span class="spinner"></span>` : html`<${Icon} name="eye" />`}${t("deliver.preview", { frame })}
          </button>`
    }
    ${
      large &&
      shown &&
      html`<${Dialog} title=${title} wide=${true} close=${() => setLarge(false)}>
        <img src=${shown} alt=${title} />
      <//>`
    }
  </div>`;
}

function Command({ command }) {
  return html`<section aria-labelledby="command-title">
    <h2 id="command-title">${t("deliver.command")}</h2>
    <pre class="command" tabindex="0" data-testid="command">${command}</pre>
    <button type="button" onClick=${() => copy(command)}><${Icon} name="copy" />${t("deliver.copy")}</button>
  </section>`;
}
