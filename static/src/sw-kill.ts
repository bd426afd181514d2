/// <reference lib="webworker" />
/** Kill switch: served as /sw.js instead of a broken service worker; replaces it and unregisters. Uses no storage. */
const scope = self as unknown as ServiceWorkerGlobalScope;

scope.addEventListener("install", () => void scope.skipWaiting());
// No waitUntil: pages that open meanwhile would wait, too.
scope.addEventListener("activate", () => void scope.registration.unregister());

export {};
