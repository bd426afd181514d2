import type { Environment } from "../engine/types.ts";

const SENTINEL = "fieldapp-device";

function sentinel(): Environment["sentinel"] {
  try {
    const store = localStorage;
    return { get: () => store.getItem(SENTINEL), set: (value) => store.setItem(SENTINEL, value) };
  } catch {
    return null; // blocked by the browser's settings
  }
}

function displayMode(): string {
  const modes = ["standalone", "fullscreen", "minimal-ui"];
  return modes.find((mode) => matchMedia(`(display-mode: ${mode})`).matches) ?? "browser";
}

const HELD = "fieldapp-held";

/** Ids of held records of this tab, kept across page loads. Without session storage only undo on the next page is lost. */
const heldIds: NonNullable<Environment["heldIds"]> = {
  get() {
    try {
      return JSON.parse(sessionStorage.getItem(HELD) ?? "[]") as string[];
    } catch {
      return [];
    }
  },
  set(ids) {
    try {
      if (ids.length > 0) sessionStorage.setItem(HELD, JSON.stringify(ids));
      else sessionStorage.removeItem(HELD);
    } catch {
      // as above
    }
  },
};

/** Return the browser's environment. In some private modes storage getters throw; the engine's self-test reports it. */
export function browser(): Environment {
  return {
    indexedDB: window.indexedDB,
    caches: window.caches,
    fetch: window.fetch.bind(window),
    locks: navigator.locks ?? null,
    now: () => Date.now(),
    random: () => Math.random(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    timezone: () => Intl.DateTimeFormat().resolvedOptions().timeZone,
    language: () => document.documentElement.lang,
    channel: (name) => (typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(name)),
    displayMode,
    persisted: async () => (await navigator.storage?.persisted?.()) ?? false,
    sentinel: sentinel(),
    estimate: async () => (await navigator.storage?.estimate?.()) ?? {},
    heldIds,
    hidden: () => document.visibilityState === "hidden",
    onLeave(leave, back) {
      addEventListener("pagehide", leave);
      addEventListener("pageshow", back);
    },
    point: async () => {},
  };
}
