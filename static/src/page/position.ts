import type { JsonObject } from "../engine/types.ts";

const FRESH = 120_000;
/** A tap must not feel the satellites; a first permission question is open somewhat longer, and goes on by itself. */
const WAIT = 2500;
const WAIT_FOR_QUESTION = 5000;

let last: GeolocationPosition | null = null;

async function permission(): Promise<PermissionState> {
  try {
    const asked = navigator.permissions.query({ name: "geolocation" }).then(({ state }) => state);
    return await Promise.race([asked, new Promise<"prompt">((resolve) => setTimeout(resolve, 500, "prompt"))]);
  } catch {
    return "prompt";
  }
}

function locate(timeout: number): Promise<GeolocationPosition | string> {
  return new Promise((resolve) => {
    if (!navigator.geolocation) return resolve("unsupported");
    const late = setTimeout(() => resolve("timeout"), timeout);
    navigator.geolocation.getCurrentPosition(
      (position) => {
        clearTimeout(late);
        last = position;
        resolve(position);
      },
      (error) => {
        clearTimeout(late);
        resolve(
          error.code === error.PERMISSION_DENIED ? "denied" : error.code === error.TIMEOUT ? "timeout" : "unavailable",
        );
      },
      { enableHighAccuracy: true, maximumAge: FRESH, timeout },
    );
  });
}

/** Starts looking while the person is still reading, but never asks for permission by itself. */
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

/** `{position: …}` or `{no_position: why}`; a missing position never stops a record. */
export async function positionData(): Promise<JsonObject> {
  if (last && Date.now() - last.timestamp < FRESH) return asData(last);
  const found = await locate((await permission()) === "prompt" ? WAIT_FOR_QUESTION : WAIT);
  return typeof found === "string" ? { no_position: found } : asData(found);
}
