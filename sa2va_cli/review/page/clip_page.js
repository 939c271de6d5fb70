// The page of one clip: tools, picture, timeline, and the panel with objects, questions and deliveries.

import { firstPictureAddress } from "./api.js";
import { Ask } from "./ask.js";
import { Deliver } from "./deliver.js";
import { JobLines } from "./jobs.js";
import { obey } from "./keys.js";
import { openingWords, said, t } from "./language.js";
import { Objects } from "./objects.js";
import { page } from "./page_state.js";
import { Player } from "./player.js";
import { Segment } from "./segment.js";
import { Stage } from "./stage.js";
import { useStore } from "./store.js";
import { Timeline } from "./timeline.js";
import { Tools } from "./tools.js";
import { Transport } from "./transport.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

export function ClipPage({ review }) {
  const ready = useStore(review, (state) => state.clip !== null);
  const problem = useStore(review, (state) => state.problem);
  useEffect(() => {
    const player = new Player(review);
    const press = (event) => obey(review, event);
    document.addEventListener("keydown", press);
    document.addEventListener("click", letGo);
    return () => {
      player.close();
      document.removeEventListener("keydown", press);
      document.removeEventListener("click", letGo);
    };
  }, [review]);
  if (problem) return html`<${Problem} problem=${problem} again=${() => review.read()} />`;
  if (!ready) return html`<${Waiting} clip=${review.id} />`;
  return html`<main class="clip-page" id="main">
    <${Tools} review=${review} />
    <div class="centre">
      <${Middle} review=${review} />
      <${Transport} review=${review} />
      <${Timeline} review=${review} />
    </div>
    <${Panel} review=${review} />
  </main>`;
}

// A button that was clicked gives the keyboard back, so that the space key plays and does not click it again.
function letGo(event) {
  const button = event.target.closest?.("button");
  if (button && event.detail > 0 && !button.closest("dialog, [role=tablist], .queue")) button.blur();
}

function Middle({ review }) {
  const untouched = useStore(review, (state) => !state.clip.tracks);
  return html`<div class="middle">
    <${Stage} review=${review} />
    ${untouched && html`<${Segment} review=${review} />`}
  </div>`;
}

const TABS = [
  { name: "objects", body: Objects },
  { name: "ask", body: Ask },
  { name: "deliver", body: Deliver },
];

function Panel({ review }) {
  const [open, setOpen] = useState(0);
  const press = (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const next = (open + way + TABS.length) % TABS.length;
    setOpen(next);
    event.currentTarget.children[next].focus();
  };
  const { name, body: Body } = TABS[open];
  return html`<aside class="panel" aria-label=${t("panel.label")}>
    <div class="tabs" role="tablist" aria-label=${t("panel.label")} onKeyDown=${press}>
      ${TABS.map(
        (tab, at) =>
          html`<button
            key=${tab.name}
            id=${`tab-${tab.name}`}
            type="button"
            role="tab"
            aria-selected=${at === open}
            aria-controls="panel-body"
            tabindex=${at === open ? 0 : -1}
            onClick=${() => setOpen(at)}
          >
            ${t(`panel.${tab.name}`)}
          </button>`,
      )}
    </div>
    <div id="panel-body" role="tabpanel" aria-labelledby=${`tab-${name}`}>
      <${Body} review=${review} />
    </div>
    ${name !== "deliver" && html`<${JobLines} clip=${review.id} />`}
  </aside>`;
}

// A clip whose times are not all known yet shows its first picture meanwhile.
export function Waiting({ clip = null }) {
  const part = useStore(page, (state) => state.opening.get(clip));
  return html`<main class="state-page" id="main" aria-busy="true">
    ${
      part === undefined
        ? html`<span class="spinner large"></span>`
        : html`<img src=${firstPictureAddress(clip)} alt=${t("opening.picture")} />`
    }
    <p role="status">${part === undefined ? t("loading") : openingWords(part)}</p>
  </main>`;
}

export function Problem({ problem, again }) {
  const connected = useStore(page, (state) => state.connected);
  useEffect(() => {
    if (connected) return undefined;
    const timer = setInterval(again, 3000);
    return () => clearInterval(timer);
  }, [connected]);
  const gone = problem.code === "no_answer";
  return html`<main class="state-page" id="main">
    <h1>${t(gone ? "problem.gone" : "problem.title")}</h1>
    <p role="alert">${gone ? t("problem.connection") : said(problem)}</p>
    <button type="button" class="primary" onClick=${again}>${t("problem.again")}</button>
  </main>`;
}
