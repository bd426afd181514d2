import { type Attachment, StorageFull } from "../engine/types.ts";
import { all, cloneTemplate, one } from "./dom.ts";
import { type FormState, markChanged, RESTORED, saveNow } from "./draft.ts";
import { fill, formatSize, text } from "./texts.ts";
import { clearBlockProblem, showBlockProblem } from "./validate.ts";

declare const __PHOTO_WORKER__: string;

const MAX_SIDE = 2000;
const QUALITY = 0.8;
const MAX_FILE_BYTES = 60_000_000;

/** Timeout for one photo; longer than the slowest phone needs. */
export const PHOTO_TIMEOUT_MS = 20_000;

function withTimeout<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new PhotoTimeout()), PHOTO_TIMEOUT_MS);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

class PhotoTimeout extends Error {}

interface Shrunk {
  bytes: Uint8Array;
  mime: string;
}

let worker: Worker | null = null;
let nextId = 1;
const waiting = new Map<number, { resolve: (bytes: ArrayBuffer) => void; reject: (error: Error) => void }>();

function openWorker(): Worker | null {
  if (typeof Worker === "undefined" || typeof OffscreenCanvas === "undefined") return null;
  if (worker) return worker;
  worker = new Worker(__PHOTO_WORKER__);
  worker.onmessage = ({ data }: MessageEvent<{ id: number; bytes?: ArrayBuffer; error?: string }>) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.bytes) call?.resolve(data.bytes);
    else call?.reject(new Error(data.error ?? "worker"));
  };
  // Not loaded or out of memory: use the main thread.
  worker.onerror = terminateWorker;
  return worker;
}

function terminateWorker(): void {
  for (const call of waiting.values()) call.reject(new Error("worker"));
  waiting.clear();
  worker?.terminate();
  worker = null;
}

function inWorker(file: Blob, open: Worker): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    open.postMessage({ id, file, longest: MAX_SIDE, quality: QUALITY });
  });
}

async function onMainThread(file: Blob): Promise<ArrayBuffer> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("canvas");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  canvas.width = 0; // frees the memory at once on iOS
  if (!blob) throw new Error("canvas");
  return blob.arrayBuffer();
}

export async function shrink(file: Blob): Promise<Shrunk> {
  const open = openWorker();
  let bytes: ArrayBuffer;
  try {
    bytes = await withTimeout(open ? inWorker(file, open) : onMainThread(file));
  } catch (error) {
    if (error instanceof PhotoTimeout) terminateWorker();
    bytes = await withTimeout(onMainThread(file));
  }
  return { bytes: new Uint8Array(bytes), mime: "image/jpeg" };
}

export interface Photos {
  add(files: File[]): Promise<void>;
}

/** Set up a photo block: show stored photos, add and remove photos. */
export async function attachPhotos(block: HTMLElement, state: FormState): Promise<Photos> {
  const { engine, form } = state;
  // Not cached: the form's draft key may change.
  const key = () => state.key ?? "";
  const list = one(block, "[data-photo-list]");
  const input = one<HTMLInputElement>(block, "input[type=file]");
  const template = one<HTMLTemplateElement>(block, "template[data-photo-item]");
  const role = block.dataset.role ?? "photo";
  const max = Number(block.dataset.max ?? 10);
  const shown = () => all(block, "[data-photo-list] > *").length;

  function count(): void {
    if (input) input.disabled = shown() >= max;
    const counter = one(block, "[data-photo-count]");
    if (counter) counter.textContent = text("photo.count", { n: shown(), max });
  }

  function show(photo: Attachment, bytes: Uint8Array | null): void {
    const item = template ? cloneTemplate(template) : null;
    if (!item || !list) return;
    item.dataset.photo = photo.id;
    const image = one<HTMLImageElement>(item, "img");
    if (image && bytes) {
      const url = URL.createObjectURL(new Blob([bytes as BlobPart], { type: photo.mime }));
      image.onload = () => URL.revokeObjectURL(url);
      image.src = url;
    }
    if (image) image.alt = text("photo.alt", { n: shown() + 1 });
    const remove = one<HTMLButtonElement>(item, "[data-remove-photo]");
    const label = remove?.getAttribute("aria-label");
    if (label) remove?.setAttribute("aria-label", fill(label, { n: shown() + 1 }));
    remove?.addEventListener("click", async () => {
      await engine.photos.remove(photo.id);
      item.remove();
      count();
      markChanged(state);
      input?.focus();
    });
    list.append(item);
    count();
  }

  async function refresh(): Promise<void> {
    const photos = (await engine.attachmentsOf({ draft: key() })).filter((photo) => photo.role === role);
    list?.replaceChildren();
    for (const photo of photos) show(photo, await engine.photos.bytes(photo.id));
    count();
  }

  async function add(files: File[]): Promise<void> {
    clearBlockProblem(block);
    block.setAttribute("aria-busy", "true");
    for (const file of files) {
      if (shown() >= max) {
        showBlockProblem(block, text("photo.too_many", { max }));
        break;
      }
      await addOne(file);
    }
    block.removeAttribute("aria-busy");
    await saveNow(state, true);
  }

  async function addOne(file: File): Promise<void> {
    if (file.size > MAX_FILE_BYTES) return showBlockProblem(block, text("photo.too_large", { name: file.name }));
    let shrunk: Shrunk;
    try {
      shrunk = await shrink(file);
    } catch (error) {
      if (error instanceof PhotoTimeout) return showBlockProblem(block, text("photo.failed"));
      return showBlockProblem(block, text("photo.not_an_image", { name: file.name }));
    }
    try {
      const name = `${file.name.replace(/\.[^.]*$/, "") || "photo"}.jpg`;
      show(await engine.photos.add(key(), { name, mime: shrunk.mime, role, bytes: shrunk.bytes }), shrunk.bytes);
      markChanged(state);
    } catch (error) {
      if (!(error instanceof StorageFull)) return showBlockProblem(block, text("photo.failed"));
      const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      showBlockProblem(
        block,
        text("photo.no_room", { used: formatSize(usage), free: formatSize(Math.max(0, quota - usage)) }),
      );
    }
  }

  form.addEventListener(RESTORED, () => void refresh());
  await refresh();
  return { add };
}
