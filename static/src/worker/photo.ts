/// <reference lib="webworker" />
/** Makes photos small off the main thread, one at a time: a 48-megapixel picture takes 200 MB while it is open. */

interface Call {
  id: number;
  file: Blob;
  longest: number;
  quality: number;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;
let queue: Promise<void> = Promise.resolve();

async function shrink({ file, longest, quality }: Call): Promise<ArrayBuffer> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(bitmap.width * scale)),
    Math.max(1, Math.round(bitmap.height * scale)),
  );
  const brush = canvas.getContext("2d");
  if (!brush) throw new Error("canvas");
  // JPEG has no transparency; without this it would turn black.
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return (await canvas.convertToBlob({ type: "image/jpeg", quality })).arrayBuffer();
}

scope.onmessage = ({ data }: MessageEvent<Call>) => {
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
