// The page from its beginning: which clip is open, the bar on top, and what is said below.

import { ClipPage, Problem, Waiting } from "./clip_page.js";
import { Header } from "./header.js";
import { t } from "./language.js";
import { Icon, IconButton } from "./icons.js";
import { dismiss, dismissAll, follow, forgetAllJobs, page, readClips, readClipsSoon } from "./page_state.js";
import { preferences } from "./preferences.js";
import { Queue } from "./queue.js";
import { Review } from "./review.js";
import { useStore } from "./store.js";
import { html, render, useEffect, useState } from "./vendor/preact-htm.js";

// The address is `#/` for the queue and `#/clip/ID` for a clip, so that the browser's buttons work.
function clipOfAddress() {
  const found = location.hash.match(/^#\/clip\/(.+)$/);
  return found ? found[1] : null;
}

function openClip(id) {
  location.hash = id === null ? "#/" : `#/clip/${id}`; // ids are letters and digits
}

function useReview(clips) {
  const [id, setId] = useState(clipOfAddress());
  const [review, setReview] = useState(null);
  useEffect(() => {
    const changed = () => setId(clipOfAddress());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const wanted = id ?? (clips?.length === 1 ? clips[0].id : null); // one clip needs no queue
  useEffect(() => {
    const opened = wanted === null ? null : new Review(wanted);
    opened?.read();
    setReview(opened);
    return () => {
      opened?.close();
      dismissAll();
    };
  }, [wanted]);
  return review?.id === wanted ? review : null;
}

function useServer(review) {
  useEffect(() => {
    const take = (event) => {
      if (review && (event.id === review.id || event.clip === review.id)) review.take(event);
      if (!review && event.type === "clip") readClipsSoon();
    };
    const missed = () => {
      forgetAllJobs(); // a server that was started anew counts its jobs from the beginning
      readClips();
      review?.readAgain();
    };
    return follow(take, missed, () => (review ? review.readSoon() : readClipsSoon()));
  }, [review]);
}

function App() {
  useStore(preferences, (state) => state.language); // all words are drawn again
  const clips = useStore(page, (state) => state.clips);
  const problem = useStore(page, (state) => state.problem);
  const review = useReview(clips);
  useServer(review);
  useEffect(() => {
    readClips();
  }, [review]);
  return html`<a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <${Header} review=${review} open=${openClip} />
    <${Connection} />
    ${
      review
        ? html`<${ClipPage} key=${review.id} review=${review} />`
        : clips
          ? html`<${Queue} open=${openClip} />`
          : problem
            ? html`<${Problem} problem=${problem} again=${readClips} />`
            : html`<${Waiting} />`
    }
    <${Notices} />`;
}

// The address names the clip, so a jump within the page must not change it.
function skip(event) {
  event.preventDefault();
  const main = document.getElementById("main");
  (main.querySelector("canvas, button, input") ?? main).focus();
}

function Connection() {
  const told = useStore(page, (state) => state.connected || state.clips === null); // or the whole page says so
  if (told) return null;
  return html`<p class="connection" role="alert"><${Icon} name="warn" />${t("problem.connection")}</p>`;
}

function Notices() {
  const notices = useStore(page, (state) => state.notices);
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.map(
      ({ id, words, kind }) =>
        html`<div key=${id} class=${`notice ${kind}`} data-testid="notice">
          <${Icon} name=${kind === "problem" ? "warn" : "check"} />
          <span>${words}</span>
          <${IconButton} icon="close" label=${t("dialog.close")} onClick=${() => dismiss(id)} />
        </div>`,
    )}
  </div>`;
}

render(html`<${App} />`, document.getElementById("app"));
