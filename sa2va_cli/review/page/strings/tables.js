// All languages of the page. Every table has the same keys.

import en from "./en.js";
import zh from "./zh.js";

export const TABLES = { en, zh };
