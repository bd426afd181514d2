/// <reference lib="webworker" />
/** Served as /sw.js when the real one turns out to be broken: takes its place and goes. Touches no store at all. */
const scope = self as unknown as ServiceWorkerGlobalScope;

scope.addEventListener("install", () => void scope.skipWaiting());
// Nothing waits for it: pages that open meanwhile would wait, too.
scope.addEventListener("activate", () => void scope.registration.unregister());

export {};
