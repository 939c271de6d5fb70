// What the server says by itself: clips that changed, jobs, frames that are done. Knows nothing about who listens.

import { eventsAddress } from "./api.js";

// Calls `take(event)` for each event, and `connected(true or false)` as the connection comes and goes.
export function listen(take, connected) {
  let source;
  let timer;
  const open = () => {
    source = new EventSource(eventsAddress);
    source.onopen = () => connected(true);
    source.onmessage = (message) => take(JSON.parse(message.data));
    source.onerror = () => {
      connected(false);
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      timer = setTimeout(open, 2000);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
