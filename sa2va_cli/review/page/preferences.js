// What a person chose for this browser: the theme and the language. Knows nothing about clips.

import { Store } from "./store.js";
import { TABLES } from "./strings/tables.js";

const THEMES = ["system", "dark", "light"];

function remembered(name, allowed, otherwise) {
  const value = localStorage.getItem(`sa2va.${name}`);
  return allowed.includes(value) ? value : otherwise;
}

function browserLanguage() {
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const preferences = new Store({
  theme: remembered("theme", THEMES, "system"),
  language: remembered("language", Object.keys(TABLES), browserLanguage()),
});

function apply({ theme, language }) {
  document.documentElement.dataset.theme = theme;
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
}

export function choose(change) {
  for (const [name, value] of Object.entries(change)) localStorage.setItem(`sa2va.${name}`, value);
  preferences.set(change);
  apply(preferences.state);
}

export function nextTheme() {
  choose({ theme: THEMES[(THEMES.indexOf(preferences.state.theme) + 1) % THEMES.length] });
}

apply(preferences.state);
