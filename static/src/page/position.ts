import type { JsonObject } from "../engine/types.ts";

const MAX_AGE_MS = 120_000;
/** Wait only briefly for a position; longer while the browser asks for permission. */
const TIMEOUT_MS = 2500;
const PROMPT_TIMEOUT_MS = 5000;

let last: GeolocationPosition | null = null;

async function permission(): Promise<PermissionState> {
  try {
    const query = navigator.permissions.query({ name: "geolocation" }).then(({ state }) => state);
    return await Promise.race([query, new Promise<"prompt">((resolve) => setTimeout(resolve, 500, "prompt"))]);
  } catch {
    return "prompt";
  }
}

function locate(timeout: number): Promise<GeolocationPosition | string> {
  return new Promise((resolve) => {
    if (!navigator.geolocation) return resolve("unsupported");
    const timer = setTimeout(() => resolve("timeout"), timeout);
    navigator.geolocation.getCurrentPosition(
      (position) => {
        clearTimeout(timer);
        last = position;
        resolve(position);
      },
      (error) => {
        clearTimeout(timer);
        resolve(
          error.code === error.PERMISSION_DENIED ? "denied" : error.code === error.TIMEOUT ? "timeout" : "unavailable",
        );
      },
      { enableHighAccuracy: true, maximumAge: MAX_AGE_MS, timeout },
    );
  });
}

/** Start locating early, but only if permission is granted already. */
export async function warmPosition(): Promise<void> {
  if ((await permission()) === "granted") await locate(30_000);
}

function asData(position: GeolocationPosition): JsonObject {
  const { latitude, longitude, accuracy } = position.coords;
  return {
    position: {
      lat: Number(latitude.toFixed(6)),
      lon: Number(longitude.toFixed(6)),
      accuracy_m: Math.round(accuracy),
      age_s: Math.max(0, Math.round((Date.now() - position.timestamp) / 1000)),
    },
  };
}

/** Return `{position: …}` or `{no_position: reason}`; never throws. */
export async function positionData(): Promise<JsonObject> {
  if (last && Date.now() - last.timestamp < MAX_AGE_MS) return asData(last);
  const position = await locate((await permission()) === "prompt" ? PROMPT_TIMEOUT_MS : TIMEOUT_MS);
  return typeof position === "string" ? { no_position: position } : asData(position);
}
