import { type Attachment, StorageFull } from "../engine/types.ts";
import { all, cloneTemplate, one } from "./dom.ts";
import { type FormState, RESTORED, saveNow, touch } from "./draft.ts";
import { fill, size, text } from "./texts.ts";
import { clearBlock, showBlock } from "./validate.ts";

declare const __PHOTO_WORKER__: string;

const LONGEST = 2000;
const QUALITY = 0.8;
const TOO_LARGE = 60_000_000;

/** Longer no picture takes on the slowest phone: what hangs is given up and said. */
export const LONGEST_WORK_MS = 20_000;

function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Late()), LONGEST_WORK_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

class Late extends Error {}

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
  // Could not be loaded or ran out of memory: the main thread takes over.
  worker.onerror = giveUpWorker;
  return worker;
}

function giveUpWorker(): void {
  for (const call of waiting.values()) call.reject(new Error("worker"));
  waiting.clear();
  worker?.terminate();
  worker = null;
}

function inWorker(file: Blob, open: Worker): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    open.postMessage({ id, file, longest: LONGEST, quality: QUALITY });
  });
}

async function onPage(file: Blob): Promise<ArrayBuffer> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const brush = canvas.getContext("2d");
  if (!brush) throw new Error("canvas");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  canvas.width = 0; // gives the memory back at once on iOS
  if (!blob) throw new Error("canvas");
  return blob.arrayBuffer();
}

export async function shrink(file: Blob): Promise<Shrunk> {
  const open = openWorker();
  let bytes: ArrayBuffer;
  try {
    bytes = await inTime(open ? inWorker(file, open) : onPage(file));
  } catch (error) {
    if (error instanceof Late) giveUpWorker();
    bytes = await inTime(onPage(file));
  }
  return { bytes: new Uint8Array(bytes), mime: "image/jpeg" };
}

export interface Photos {
  add(files: File[]): Promise<void>;
}

/** One block of photos: shown from the store, added one after the other, taken away one by one. */
export async function attachPhotos(block: HTMLElement, state: FormState): Promise<Photos> {
  const { engine, form } = state;
  // Asked anew each time: a form may go on under another draft's key.
  const key = () => state.key ?? "";
  const list = one(block, "[data-photo-list]");
  const input = one<HTMLInputElement>(block, "input[type=file]");
  const template = one<HTMLTemplateElement>(block, "template[data-photo-item]");
  const role = block.dataset.role ?? "photo";
  const max = Number(block.dataset.max ?? 10);
  const shown = () => all(block, "[data-photo-list] > *").length;

  function count(): void {
    if (input) input.disabled = shown() >= max;
    const where = one(block, "[data-photo-count]");
    if (where) where.textContent = text("photo.count", { n: shown(), max });
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
      touch(state);
      input?.focus();
    });
    list.append(item);
    count();
  }

  async function refresh(): Promise<void> {
    const kept = (await engine.attachmentsOf({ draft: key() })).filter((photo) => photo.role === role);
    list?.replaceChildren();
    for (const photo of kept) show(photo, await engine.photos.bytes(photo.id));
    count();
  }

  async function add(files: File[]): Promise<void> {
    clearBlock(block);
    block.setAttribute("aria-busy", "true");
    for (const file of files) {
      if (shown() >= max) {
        showBlock(block, text("photo.too_many", { max }));
        break;
      }
      await addOne(file);
    }
    block.removeAttribute("aria-busy");
    await saveNow(state, true);
  }

  async function addOne(file: File): Promise<void> {
    if (file.size > TOO_LARGE) return showBlock(block, text("photo.too_large", { name: file.name }));
    let small: Shrunk;
    try {
      small = await shrink(file);
    } catch (error) {
      if (error instanceof Late) return showBlock(block, text("photo.failed"));
      return showBlock(block, text("photo.not_an_image", { name: file.name }));
    }
    try {
      const name = `${file.name.replace(/\.[^.]*$/, "") || "photo"}.jpg`;
      show(await engine.photos.add(key(), { name, mime: small.mime, role, bytes: small.bytes }), small.bytes);
      touch(state);
    } catch (error) {
      if (!(error instanceof StorageFull)) return showBlock(block, text("photo.failed"));
      const { usage = 0, quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      showBlock(block, text("photo.no_room", { used: size(usage), free: size(Math.max(0, quota - usage)) }));
    }
  }

  form.addEventListener(RESTORED, () => void refresh());
  await refresh();
  return { add };
}
