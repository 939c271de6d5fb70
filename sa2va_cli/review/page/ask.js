// A conversation about the frames in view.

import * as api from "./api.js";
import { Icon } from "./icons.js";
import { said, t } from "./language.js";
import { attempt } from "./page_state.js";
import { useStore } from "./store.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact-htm.js";

export function Ask({ review }) {
  const turns = useStore(review, (state) => state.turns ?? NONE);
  const frame = useStore(review, (state) => state.frame);
  const marks = useStore(review, (state) => state.marks);
  const [asking, setAsking] = useState(null);
  const end = useRef();
  useLayoutEffect(() => end.current.scrollIntoView({ block: "nearest" }), [turns]);
  useEffect(() => () => asking?.abort(), [asking]);

  const send = async (event) => {
    event.preventDefault();
    const input = event.target.elements.question;
    const question = input.value.trim();
    if (!question || asking) return;
    input.value = "";
    const stop = new AbortController();
    setAsking(stop);
    await converse(review, question, stop.signal);
    setAsking(null);
  };

  const marked = marks.in !== null || marks.out !== null;
  const { first, last } = review.span;
  return html`<div class="panel-body ask">
    <div class="turns" role="log" aria-label=${t("ask.log")} aria-live="polite">
      ${!turns.length && html`<p class="empty">${t("ask.empty")}</p>`}
      ${turns.map((turn, at) => html`<${Turn} key=${at} review=${review} turn=${turn} last=${at === turns.length - 1} />`)}
      <div ref=${end}></div>
    </div>
    <form onSubmit=${send}>
      <p class="quiet">${marked ? t("ask.about_range", { first, last }) : t("ask.about_frame", { frame })}</p>
      <label class="hidden" for="question">${t("ask.question")}</label>
      <textarea
        id="question"
        name="question"
        rows="3"
        placeholder=${t("ask.question")}
        onKeyDown=${sendOnEnter}
      ></textarea>
      <footer>
        ${
          turns.length > 0 &&
          html`<button
            type="button"
            disabled=${asking}
            onClick=${() => review.set({ turns: [], conversation: null })}
          >
            ${t("ask.again")}
          </button>`
        }
        ${
          asking
            ? html`<button type="button" onClick=${() => asking.abort()}>${t("ask.stop")}</button>`
            : html`<button type="submit" class="primary">${t("ask.send")}</button>`
        }
      </footer>
    </form>
  </div>`;
}

const NONE = [];
const MOST_FRAMES = 8; // that a question about a range shows the model, spread evenly

function sendOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

function Turn({ review, turn, last }) {
  return html`<div class="turn">
    <p class="question">${turn.question}</p>
    <p class="answer">
      ${turn.answer || (turn.done || turn.problem ? "" : html`<span class="spinner"></span>`)}
      ${turn.problem && html`<span class="bad" role="alert"><${Icon} name="warn" />${said(turn.problem)}</span>`}
      ${turn.stopped && html`<span class="quiet"> ${t("ask.stopped")}</span>`}
    </p>
    ${
      last &&
      turn.objects.map(
        (one, index) =>
          html`<button
            key=${index}
            type="button"
            onClick=${() => review.change({ type: "answer", conversation: turn.conversation, index, frame: turn.frames[0] })}
          >
            ${t("ask.keep", { name: one.label })}
          </button>`,
      )
    }
  </div>`;
}

async function converse(review, question, signal) {
  const frames = framesAskedAbout(review);
  const turn = { question, frames, answer: "", problem: null, objects: [], done: false, stopped: false };
  const before = review.state.turns ?? NONE;
  const update = (change) => {
    Object.assign(turn, change);
    review.set({ turns: [...before, { ...turn }] });
  };
  update({});
  const take = (event) => {
    if (event.error) update({ problem: event });
    if (event.text) update({ answer: turn.answer + event.text });
    if (event.done) {
      review.set({ conversation: event.conversation });
      update({ objects: event.objects, conversation: event.conversation });
    }
  };
  const order = { question, frames, conversation: review.state.conversation ?? null };
  await attempt(() => api.ask(review.id, order, take, signal));
  update({ done: true, stopped: signal.aborted });
}

function framesAskedAbout(review) {
  const { frame, marks } = review.state;
  if (marks.in === null && marks.out === null) return [frame];
  const { first, last } = review.span;
  const count = Math.min(MOST_FRAMES, last - first + 1);
  return Array.from(
    { length: count },
    (_, at) => first + Math.round((at * (last - first)) / Math.max(1, count - 1)),
  );
}
