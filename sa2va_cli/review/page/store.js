// One value that parts of the page watch. Knows nothing about what the value is.

import { useLayoutEffect, useReducer, useRef } from "./vendor/preact-htm.js";

export class Store {
  constructor(state) {
    this.state = state;
    this.listeners = new Set();
  }

  set(change) {
    this.state = { ...this.state, ...change };
    for (const listener of [...this.listeners]) listener(this.state);
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

// What `select` takes out of the store; the component is drawn again when that changes, and only then.
export function useStore(store, select) {
  const [, redraw] = useReducer((count) => count + 1, 0);
  const selected = select(store.state);
  const latest = useRef();
  latest.current = { select, selected };
  useLayoutEffect(() => {
    const look = (state) => {
      if (!Object.is(latest.current.select(state), latest.current.selected)) redraw();
    };
    look(store.state);
    return store.subscribe(look);
  }, [store]);
  return selected;
}
