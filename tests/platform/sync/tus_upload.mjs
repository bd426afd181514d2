// Uploads a file with the public client as its documentation shows, optionally stopped once and resumed.
// node tus_upload.mjs <endpoint> <cookie> <file> <metadata JSON> <chunk size, 0 for its own> <stop after bytes, 0 for never>
import { createReadStream, readFileSync, statSync } from "node:fs";
import { Upload } from "tus-js-client";

const [endpoint, Cookie, path, metadata, chunk, stopAfter] = process.argv.slice(2);
const chunkSize = Number(chunk) || Number.POSITIVE_INFINITY;
const whole = Number.isFinite(chunkSize);

function run(more, stopAt) {
  return new Promise((resolve, reject) => {
    let stopped = false;
    const upload = new Upload(whole ? createReadStream(path) : readFileSync(path), {
      endpoint,
      chunkSize,
      headers: { Cookie },
      metadata: JSON.parse(metadata),
      retryDelays: [100, 200],
      ...(whole ? { uploadSize: statSync(path).size } : {}),
      ...more,
      onError: reject,
      onSuccess: () => resolve({ url: upload.url, done: true }),
      onChunkComplete: (_, sent) => {
        if (stopAt && !stopped && sent >= stopAt) {
          stopped = true;
          void upload.abort().then(() => resolve({ url: upload.url, done: false }));
        }
      },
    });
    upload.start();
  });
}

let result = await run({}, Number(stopAfter));
const stopped = !result.done;
if (stopped) result = await run({ uploadUrl: result.url }, 0);
process.stdout.write(JSON.stringify({ ...result, stopped }));
