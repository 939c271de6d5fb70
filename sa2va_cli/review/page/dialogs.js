// Questions in a window of their own. The browser's <dialog> keeps the focus inside and closes at Escape.

import { IconButton } from "./icons.js";
import { t } from "./language.js";
import { html, useLayoutEffect, useRef } from "./vendor/preact-htm.js";

const MOST_LETTERS = 200; // of a name

export function Dialog({ title, close, wide = false, children }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`<dialog
    ref=${dialog}
    class=${wide ? "wide" : ""}
    aria-labelledby="dialog-title"
    onClose=${close}
  >
    <header>
      <h2 id="dialog-title">${title}</h2>
      <${IconButton} icon="close" label=${t("dialog.close")} onClick=${() => dialog.current.close()} />
    </header>
    ${children}
  </dialog>`;
}

// Asks for one line of text. `give` gets it; an empty line is given as null where that is allowed.
export function AskForText({ title, label, value = "", needed = true, action, close, give }) {
  const input = useRef();
  const end = () => input.current.closest("dialog").close(); // which gives the keyboard back to where it was
  const send = (event) => {
    event.preventDefault();
    const text = input.current.value.trim();
    if (needed && !text) return;
    end();
    give(text || null);
  };
  useLayoutEffect(() => input.current.select(), []);
  return html`<${Dialog} title=${title} close=${close}>
    <form onSubmit=${send}>
      <label class="field"
        ><span>${label}</span><input ref=${input} type="text" defaultValue=${value} maxlength=${MOST_LETTERS} autofocus
      /></label>
      <footer>
        <button type="button" onClick=${end}>${t("dialog.cancel")}</button>
        <button type="submit" class="primary">${action}</button>
      </footer>
    </form>
  <//>`;
}
