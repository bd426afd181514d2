/// <reference lib="webworker" />
/** Shrink photos off the main thread, one at a time: a 48-megapixel picture takes 200 MB of memory. */

interface ShrinkRequest {
  id: number;
  file: Blob;
  longest: number;
  quality: number;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;
let queue: Promise<void> = Promise.resolve();

async function shrink({ file, longest, quality }: ShrinkRequest): Promise<ArrayBuffer> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(bitmap.width * scale)),
    Math.max(1, Math.round(bitmap.height * scale)),
  );
  const context = canvas.getContext("2d");
  if (!context) throw new Error("canvas");
  // JPEG has no transparency: without a background it would turn black.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return (await canvas.convertToBlob({ type: "image/jpeg", quality })).arrayBuffer();
}

scope.onmessage = ({ data }: MessageEvent<ShrinkRequest>) => {
  queue = queue.then(async () => {
    try {
      const bytes = await shrink(data);
      scope.postMessage({ id: data.id, bytes }, [bytes]);
    } catch (error) {
      scope.postMessage({ id: data.id, error: String(error) });
    }
  });
};

export {};
