// Many clips: what needs a look first, how far one is, and a decision for each, with the keyboard if wanted.

import * as api from "./api.js";
import { AskForText } from "./dialogs.js";
import { Icon } from "./icons.js";
import { Progress } from "./jobs.js";
import { said, t } from "./language.js";
import { attempt, isActive, notify, page, readClips } from "./page_state.js";
import { useStore } from "./store.js";
import { clock } from "./timecode.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const STATUSES = ["new", "tracked", "accepted", "corrected", "rejected"];

// Clips in the order in which they need a look; those that were decided on come last.
export function sortedClips(clips) {
  const decided = (clip) => ["accepted", "corrected", "rejected"].includes(clip.status);
  return [...clips].sort(
    (a, b) =>
      decided(a) - decided(b) || (b.needs_look ?? 0) - (a.needs_look ?? 0) || a.name.localeCompare(b.name),
  );
}

// What the keys do here; the help shows them.
export const QUEUE_KEYS = [
  { group: "queue", keys: ["←", "→", "↑", "↓"], words: "keys.card" },
  { group: "queue", keys: ["Enter", "C"], words: "keys.open" },
  { group: "queue", keys: ["A"], words: "triage.accept" },
  { group: "queue", keys: ["R"], words: "keys.reject" },
  { group: "queue", keys: ["U"], words: "keys.undecide" },
];

export function Queue({ open }) {
  const clips = useStore(page, (state) => state.clips);
  const [filter, setFilter] = useState({ status: "all", text: "" });
  const [rejecting, setRejecting] = useState(null);
  const shown = sortedClips(clips).filter(
    (clip) =>
      (filter.status === "all" || clip.status === filter.status) &&
      clip.name.toLowerCase().includes(filter.text.toLowerCase()),
  );
  return html`<main class="queue" id="main">
    <${Filters} clips=${clips} filter=${filter} set=${setFilter} />
    ${
      shown.length
        ? html`<${Grid} clips=${shown} open=${open} reject=${setRejecting} />`
        : html`<p class="empty large">${t(clips.length ? "queue.none_shown" : "queue.empty")}</p>`
    }
    ${
      rejecting &&
      html`<${RejectDialog}
        close=${() => setRejecting(null)}
        give=${(reason) => {
          decide(rejecting.clip, "rejected", reason);
          rejecting.after();
        }}
      />`
    }
  </main>`;
}

export function RejectDialog({ close, give }) {
  return html`<${AskForText}
    title=${t("triage.reject")}
    label=${t("triage.reason")}
    needed=${false}
    action=${t("triage.reject")}
    close=${close}
    give=${give}
  />`;
}

async function decide(clip, status, reason = null) {
  if (!(await attempt(() => api.triage(clip.id, status, reason)))) return;
  notify(`${clip.name}: ${t(`said.${status}`)}`);
  await readClips();
}

function Filters({ clips, filter, set }) {
  const counts = new Map(
    STATUSES.map((status) => [status, clips.filter((clip) => clip.status === status).length]),
  );
  const done = clips.length - counts.get("new") - counts.get("tracked");
  if (!clips.length) return html`<header class="queue-head"><h1>${t("queue.title")}</h1></header>`;
  return html`<header class="queue-head">
    <h1>${t("queue.title")}</h1>
    <p class="quiet" role="status">${t("queue.done", { done, all: clips.length })}</p>
    <span class="spring"></span>
    <div class="segments" role="group" aria-label=${t("queue.filter")}>
      ${["all", ...STATUSES].map(
        (status) =>
          html`<button
            key=${status}
            type="button"
            aria-pressed=${filter.status === status}
            onClick=${() => set({ ...filter, status })}
          >
            ${t(`status.${status}`)} <span class="count">${counts.get(status) ?? clips.length}</span>
          </button>`,
      )}
    </div>
    <input
      type="search"
      placeholder=${t("queue.search")}
      aria-label=${t("queue.search")}
      value=${filter.text}
      onInput=${(event) => set({ ...filter, text: event.target.value })}
    />
  </header>`;
}

// One card is in the order of the tab key; the arrows move between them.
function Grid({ clips, open, reject }) {
  const [current, setCurrent] = useState(null);
  const grid = useRef();
  const at = Math.max(
    0,
    clips.findIndex((clip) => clip.id === current),
  );
  const order = clips.map((clip) => clip.id).join(" ");
  useEffect(() => {
    if (document.activeElement !== document.body) return; // a card that was moved has lost the keyboard
    grid.current.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
  }, [order]);

  const go = (to) => {
    const next = Math.max(0, Math.min(clips.length - 1, to));
    setCurrent(clips[next].id);
    grid.current.children[next].querySelector(".card").focus();
  };
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const columns = getComputedStyle(grid.current).gridTemplateColumns.split(" ").length;
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
    const next = () => go(at + 1);
    const decisions = {
      a: () => {
        decide(clips[at], "accepted");
        next();
      },
      c: () => open(clips[at].id),
      r: () => reject({ clip: clips[at], after: next }),
      u: () => decide(clips[at], "tracked"),
    };
    if (event.key in moves) go(at + moves[event.key]);
    else if (event.key in decisions) decisions[event.key]();
    else return;
    event.preventDefault();
  };

  return html`<ul class="grid" ref=${grid} aria-label=${t("queue.grid")} onKeyDown=${press}>
      ${clips.map(
        (clip, index) =>
          html`<li key=${clip.id}>
            <${Card}
              clip=${clip}
              inOrder=${index === at}
              focused=${() => setCurrent(clip.id)}
              open=${() => open(clip.id)}
            />
          </li>`,
      )}
    </ul>
    <p class="quiet keys-line">${t("queue.keys")}</p>`;
}

function Card({ clip, inOrder, focused, open }) {
  const jobs = useStore(page, (state) => state.jobs);
  const job = [...jobs.values()].find((one) => one.clip === clip.id && isActive(one));
  return html`<button
    type="button"
    class="card"
    tabindex=${inOrder ? 0 : -1}
    data-testid="card"
    onFocus=${focused}
    onClick=${open}
  >
    <${Thumbnail} address=${clip.thumbnail} />
    <span class="card-name" title=${clip.name}>${clip.name}</span>
    <span class="card-line">
      <${Status} status=${clip.status} />
      ${clip.duration !== null && html`<span class="quiet">${clock(clip.duration).replace(/\.\d+$/, "")}</span>`}
      <span class="spring"></span>
      ${clip.needs_look !== null && html`<${Need} clip=${clip} />`}
    </span>
    ${clip.reason && html`<span class="quiet reason">${clip.reason}</span>`}
    ${clip.problem && html`<span class="reason bad"><${Icon} name="warn" />${said(clip.problem)}</span>`}
    ${job && html`<span class="card-job"><${Progress} job=${job} /></span>`}
  </button>`;
}

function Thumbnail({ address }) {
  const [failed, setFailed] = useState(false);
  return failed
    ? html`<span class="no-picture"><${Icon} name="warn" /><span class="hidden">${t("queue.no_picture")}</span></span>`
    : html`<img src=${address} alt="" loading="lazy" onError=${() => setFailed(true)} />`;
}

export function Status({ status }) {
  const icon = { accepted: "check", corrected: "pencil", rejected: "close" }[status];
  return html`<span class=${`status ${status}`}
    >${icon && html`<${Icon} name=${icon} />`}${t(`status.${status}`)}</span
  >`;
}

// How much of a clip is worth a look.
function Need({ clip }) {
  const share = Math.round(clip.needs_look * 100);
  const words = t("queue.need", { need: share });
  return html`<span class="need" title=${words}
    ><span style=${{ width: `${share}%` }}></span><span class="hidden">${words}</span></span
  >`;
}
