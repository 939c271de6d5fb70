// What the server is working on: how far it is, and a way to stop it.

import * as api from "./api.js";
import { Icon, IconButton } from "./icons.js";
import { t } from "./language.js";
import { attempt, forgetJob, isActive, notify, page } from "./page_state.js";
import { useStore } from "./store.js";
import { html } from "./vendor/preact-htm.js";

// Jobs of a clip that are going on, in one line each.
export function JobLines({ clip }) {
  const jobs = useStore(page, (state) => state.jobs);
  const active = [...jobs.values()].filter((job) => job.clip === clip && isActive(job));
  if (!active.length) return null;
  return html`<ul class="jobs" aria-label=${t("jobs.label")}>
    ${active.map(
      (job) =>
        html`<li key=${job.id} data-testid="job">
          <span class="job-words" title=${jobWords(job)}>${jobWords(job)}</span>
          <${Progress} job=${job} />
          <${IconButton}
            icon="close"
            label=${t("jobs.cancel")}
            onClick=${() => attempt(() => api.cancelJob(job.id))}
          />
        </li>`,
    )}
  </ul>`;
}

const jobWords = ({ kind, about }) => t(`jobs.kind.${kind}`, { about });

const TOLD_FROM = 0.1; // before, the time that is left is anybody's guess: a model was loaded first

export function Progress({ job }) {
  const known = job.state === "running" && job.progress > 0;
  return html`<progress
      max="1"
      value=${known ? job.progress : undefined}
      aria-label=${jobWords(job)}
    ></progress>
    <span class="quiet progress-words">${known ? howFar(job) : t(`jobs.${job.state}`)}</span>`;
}

function howFar({ progress, remaining }) {
  const percent = `${Math.round(progress * 100)} %`;
  if (!remaining || progress < TOLD_FROM) return percent;
  const left =
    remaining < 90
      ? t("jobs.seconds", { count: Math.ceil(remaining) })
      : t("jobs.minutes", { count: Math.round(remaining / 60) });
  return `${percent}, ${left}`;
}

// Files that were made, where they lie, and jobs that failed or were stopped.
export function Delivered({ clip }) {
  const jobs = useStore(page, (state) => state.jobs);
  const shows = useStore(page, (state) => state.project?.shows_folders);
  const ended = [...jobs.values()].filter((job) => job.clip === clip && !isActive(job) && job.files?.length);
  if (!ended.length) return null;
  return html`<section aria-labelledby="delivered-title">
    <h2 id="delivered-title">${t("deliver.done")}</h2>
    ${ended.reverse().map(
      (job) =>
        html`<div key=${job.id} class="delivered" data-testid="delivered">
          ${job.files.map((file) => html`<p key=${file} class="file"><strong>${nameOf(file)}</strong></p>`)}
          <${Folder} job=${job.id} folder=${folderOf(job.files[0])} shows=${shows} />
          ${job.notes.map((note) => html`<p key=${note} class="note"><${Icon} name="warn" />${note}</p>`)}
          <${IconButton} icon="close" label=${t("jobs.forget")} onClick=${() => forgetJob(job.id)} />
        </div>`,
    )}
  </section>`;
}

const cutOf = (file) => Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\"));
const nameOf = (file) => file.slice(cutOf(file) + 1);
const folderOf = (file) => file.slice(0, cutOf(file)) || "/";

// A browser does not follow links from here to files, so the server opens the folder where it has a screen.
function Folder({ job, folder, shows }) {
  return html`<p class="file">
    <span class="folder"><${Icon} name="folder" /><span>${folder}</span></span>
    ${
      shows &&
      html`<button type="button" onClick=${() => attempt(() => api.showFolder(job))}>
        <${Icon} name="folder" />${t("deliver.show_folder")}
      </button>`
    }
    <button type="button" onClick=${() => copy(folder)}>
      <${Icon} name="copy" />${t("deliver.copy_folder")}
    </button>
  </p>`;
}

export async function copy(text) {
  await navigator.clipboard.writeText(text);
  notify(t("said.copied"));
}
