// Words of the page in the language that was chosen. Each language is one table with the same keys.

import { preferences } from "./preferences.js";
import ZH_HELP from "./strings/help/zh.js";
import { TABLES } from "./strings/tables.js";

// The words of a key; `{name}` in them is replaced by `values.name`.
export function t(key, values = {}) {
  const words = TABLES[preferences.state.language][key];
  if (words === undefined) throw new Error(`no words for "${key}"`);
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// How much of a long video was read, to know the time of each frame.
export const openingWords = (part) => t("opening", { percent: Math.floor(part * 100) });

// What went wrong, as the server tells it: {error, code, values}. A code that is newer than the page is told in English.
export function said({ error, code, values }) {
  return TABLES[preferences.state.language][`error.${code}`] === undefined
    ? error
    : t(`error.${code}`, values); // "error.${code}" has words for every code of the server
}

// What something that can be delivered is, in the program's words; those that were not translated stay English.
export function tHelp(text) {
  return preferences.state.language === "zh" ? (ZH_HELP[text] ?? text) : text;
}

// Words of the server's own vocabulary (reasons, states), where the page has them; otherwise as they came.
export function tServer(prefix, word) {
  return TABLES[preferences.state.language][`${prefix}.${word}`] ?? word;
}
