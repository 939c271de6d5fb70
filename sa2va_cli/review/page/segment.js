// A video in which nothing was looked for yet: asks what to find.

import * as api from "./api.js";
import { Progress } from "./jobs.js";
import { t } from "./language.js";
import { attempt, isActive, page } from "./page_state.js";
import { useStore } from "./store.js";
import { html, useState } from "./vendor/preact-htm.js";

export function Segment({ review }) {
  const jobs = useStore(page, (state) => state.jobs);
  const [hidden, setHidden] = useState(false);
  const job = [...jobs.values()].find(
    (one) => one.clip === review.id && one.kind === "segment" && isActive(one),
  );
  const send = async (event) => {
    event.preventDefault();
    const prompts = event.target.elements.prompts.value.split("\n").map((line) => line.trim());
    const wanted = prompts.filter((line) => line !== "");
    if (wanted.length) await attempt(() => api.segment(review.id, wanted));
  };
  if (hidden) return null;
  return html`<form class="segment" onSubmit=${send} aria-labelledby="segment-title">
    <h1 id="segment-title">${t("segment.title")}</h1>
    ${
      job
        ? html`<p>${t("segment.working")}</p>
            <div class="progress-line"><${Progress} job=${job} /></div>
            <footer>
              <button type="button" onClick=${() => attempt(() => api.cancelJob(job.id))}>
                ${t("jobs.cancel")}
              </button>
            </footer>`
        : html`<label class="field">
              <span>${t("segment.prompts")}</span>
              <textarea name="prompts" rows="3" placeholder=${t("segment.example")}></textarea>
            </label>
            <footer>
              <button type="button" onClick=${() => setHidden(true)}>${t("segment.look")}</button>
              <button type="submit" class="primary">${t("segment.find")}</button>
            </footer>`
    }
  </form>`;
}
