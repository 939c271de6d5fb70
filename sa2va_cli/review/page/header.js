// The bar on top: which clip this is, undo and save, the decision about it, and how the page looks.

import { Dialog } from "./dialogs.js";
import { Icon, IconButton } from "./icons.js";
import { TABLE } from "./keys.js";
import { t } from "./language.js";
import { page } from "./page_state.js";
import { choose, nextTheme, preferences } from "./preferences.js";
import { QUEUE_KEYS, RejectDialog, sortedClips, Status } from "./queue.js";
import { editWords } from "./review.js";
import { useStore } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

export function Header({ review, open }) {
  const project = useStore(page, (state) => state.project);
  const clips = useStore(page, (state) => state.clips);
  const many = clips?.length > 1;
  return html`<header class="top">
    ${
      many && review
        ? html`<${IconButton} icon="grid" label=${t("header.queue")} onClick=${() => open(null)} />`
        : null
    }
    <span class="brand">sa2va</span>
    ${review ? html`<${ClipTitle} review=${review} clips=${clips} open=${open} />` : html`<span class="title">${project?.name ?? ""}</span>`}
    <span class="spring"></span>
    ${review && html`<${Changes} review=${review} />`}
    <${Looks} />
  </header>`;
}

function ClipTitle({ review, clips, open }) {
  const known = clips?.find((clip) => clip.id === review.id)?.name ?? ""; // before all is known of the clip
  const name = useStore(review, (state) => state.clip?.name ?? known);
  const status = useStore(review, (state) => state.clip?.status ?? null);
  const unsaved = useStore(review, (state) => state.clip?.unsaved ?? false);
  useEffect(() => {
    document.title = name ? `${unsaved ? "• " : ""}${name} – sa2va` : "sa2va";
    return () => {
      document.title = "sa2va";
    };
  }, [name, unsaved]);
  const order = sortedClips(clips ?? []).map((clip) => clip.id);
  const at = order.indexOf(review.id);
  return html`${
      order.length > 1 &&
      html`<${IconButton}
          icon="left"
          label=${t("header.previous")}
          disabled=${at <= 0}
          onClick=${() => open(order[at - 1])}
        />
        <${IconButton}
          icon="right"
          label=${t("header.next")}
          disabled=${at >= order.length - 1}
          onClick=${() => open(order[at + 1])}
        />`
    }
    <h1 class="title" title=${name}>${name}</h1>
    ${status && html`<${Status} status=${status} />`}`;
}

function Changes({ review }) {
  const clip = useStore(review, (state) => state.clip);
  const [rejecting, setRejecting] = useState(false);
  if (!clip) return null;
  const accept = () => review.triage(clip.corrections.length ? "corrected" : "accepted");
  return html`<div class="group">
      <${IconButton}
        icon="undo"
        label=${clip.undo ? t("header.undo_what", { what: editWords(clip.undo) }) : t("header.undo")}
        keys="Ctrl+Z"
        disabled=${!clip.undo}
        data-testid="undo"
        onClick=${() => review.undo()}
      />
      <${IconButton}
        icon="redo"
        label=${clip.redo ? t("header.redo_what", { what: editWords(clip.redo) }) : t("header.redo")}
        keys="Ctrl+Y"
        disabled=${!clip.redo}
        data-testid="redo"
        onClick=${() => review.redo()}
      />
      <button
        type="button"
        class=${clip.unsaved ? "primary" : ""}
        disabled=${!clip.unsaved}
        title=${clip.path ?? ""}
        data-testid="save"
        onClick=${() => review.save()}
      >
        <${Icon} name="save" />${clip.unsaved ? t("header.save") : t("header.saved")}
      </button>
    </div>
    <div class="group">
      <button type="button" onClick=${accept} title=${t("triage.accept.help")} data-testid="accept">
        <${Icon} name="check" />${t("triage.accept")}
      </button>
      <button type="button" onClick=${() => setRejecting(true)}>
        <${Icon} name="close" />${t("triage.reject")}
      </button>
    </div>
    ${
      rejecting &&
      html`<${RejectDialog}
        close=${() => setRejecting(false)}
        give=${(reason) => review.triage("rejected", reason)}
      />`
    }`;
}

function Looks() {
  const theme = useStore(preferences, (state) => state.theme);
  const language = useStore(preferences, (state) => state.language);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const press = (event) => {
      if (event.key === "?" && !event.target.matches("input, textarea")) setHelp(true);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, []);
  return html`<div class="group">
    <button
      type="button"
      class="text-button"
      lang=${language === "en" ? "zh-Hans" : "en"}
      onClick=${() => choose({ language: language === "en" ? "zh" : "en" })}
    >
      ${language === "en" ? "中文" : "English"}
    </button>
    <${IconButton} icon="theme" label=${t(`theme.${theme}`)} onClick=${nextTheme} />
    <${IconButton} icon="help" label=${t("help.title")} keys="?" onClick=${() => setHelp(true)} />
    ${help && html`<${Help} close=${() => setHelp(false)} />`}
  </div>`;
}

function Help({ close }) {
  const many = useStore(page, (state) => state.clips?.length > 1);
  const rows = [...TABLE, ...(many ? QUEUE_KEYS : [])];
  const groups = [...new Set(rows.map((row) => row.group))];
  return html`<${Dialog} title=${t("help.title")} close=${close} wide=${true}>
    <div class=${`help-groups${many ? " many" : ""}`}>
      ${groups.map(
        (group) =>
          html`<section key=${group} aria-labelledby=${`help-${group}`}>
            <h3 id=${`help-${group}`}>${t(`help.${group}`)}</h3>
            <dl>
              ${rows.filter((row) => row.group === group).map(
                (row) =>
                  html`<div key=${row.words}>
                    <dt>${row.keys.map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dt>
                    <dd>${t(row.words)}</dd>
                  </div>`,
              )}
            </dl>
          </section>`,
      )}
    </div>
    <p class="quiet">${t("help.pointing")}</p>
  <//>`;
}
