// Bundles the client into static/dist/: hashed names, a manifest for the server, brotli siblings. Same in
// development and production. `--watch` builds again after a change.
import { createHash } from "node:crypto";
import { existsSync, watch } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const dist = join(here, "dist");
const templates = join(root, "templates", "offline");
const PUBLIC = "/static/dist/";
/** First visit: page script, htmx and worker, compressed. */
const BUDGET = 55296;
const COMPRESSED = new Set([".js", ".css", ".svg", ".json", ".webmanifest"]);

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 10);
const withHash = (name, bytes) => `${basename(name, extname(name))}-${hash(bytes)}${extname(name)}`;

/** The system fetches these itself when the app is installed. */
const NOT_OFFLINE = /^(?:apple-touch|maskable|icon-512|shortcut)/;

const common = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  write: false,
  target: "es2022",
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
};

async function listFiles(folder) {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** One entry point into one classic file. */
async function single(source, define = {}) {
  const result = await build({
    ...common,
    entryPoints: [join(here, "src", source)],
    outdir: dist,
    format: "iife",
    define: { ...common.define, ...define },
  });
  return result.outputFiles[0].contents;
}

/** The page script and the parts it loads when they are needed. */
async function page(workerUrl) {
  const result = await build({
    ...common,
    entryPoints: { app: join(here, "src", "app.ts") },
    outdir: dist,
    format: "esm",
    splitting: true,
    metafile: true,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    define: { ...common.define, __PHOTO_WORKER__: JSON.stringify(workerUrl) },
  });
  const output = (file) => result.metafile.outputs[relative(root, file.path).replaceAll("\\", "/")];
  return result.outputFiles.map((file) => ({ file, info: output(file) }));
}

async function styles() {
  const files = (await listFiles(join(here, "css"))).filter((file) => file.endsWith(".css"));
  const built = [];
  for (const file of files) {
    const result = await build({
      ...common,
      entryPoints: [file],
      outdir: dist,
      external: ["*.woff2", "*.png", "*.svg"],
    });
    built.push([basename(file), result.outputFiles[0].contents]);
  }
  return built;
}

/** What the page loads at once: the entry and the chunks it imports statically. */
function firstLoad(outputs) {
  const byPath = new Map(outputs.map((one) => [basename(one.file.path), one]));
  const names = new Set();
  const visit = (name) => {
    if (names.has(name)) return;
    names.add(name);
    for (const { path, kind } of byPath.get(name)?.info.imports ?? []) {
      if (kind === "import-statement") visit(basename(path));
    }
  };
  // Parts that are loaded later are entry points of their own.
  visit(basename(outputs.find((one) => one.info.entryPoint?.endsWith("/app.ts")).file.path));
  return names;
}

async function buildAll() {
  const written = new Map();
  const files = {};
  const add = (name, bytes) => written.set(name, Buffer.from(bytes));
  const addNamed = (logical, bytes) => {
    files[logical] = withHash(logical, bytes);
    add(files[logical], bytes);
  };

  addNamed("photo-worker.js", await single("worker/photo.ts"));
  const outputs = await page(PUBLIC + files["photo-worker.js"]);
  for (const { file, info } of outputs) {
    const name = basename(file.path);
    add(name, file.contents);
    if (info.entryPoint) files[info.entryPoint.endsWith("/app.ts") ? "app.js" : basename(info.entryPoint)] = name;
  }
  for (const [name, bytes] of await styles()) addNamed(name, bytes);
  const icons = (await listFiles(join(here, "icons"))).filter((file) => /\.(?:png|svg|ico|webp)$/.test(file));
  for (const file of icons) addNamed(basename(file), await readFile(file));

  const shell = await Promise.all((await listFiles(templates)).map((file) => readFile(file)));
  const offline = [...written.keys()].filter((name) => !NOT_OFFLINE.test(name)).sort();
  const precache = offline.map((name) => ({ url: PUBLIC + name, revision: null }));
  const revision = hash(Buffer.concat([Buffer.from(JSON.stringify(precache)), ...shell]));
  precache.push({ url: "/offline", revision });
  const sw = await single("sw.ts", { __PRECACHE__: JSON.stringify(precache) });
  const buildId = hash(Buffer.concat([Buffer.from(JSON.stringify(precache)), Buffer.from(sw)]));
  add("sw.js", sw);
  add("sw-kill.js", await single("sw-kill.ts"));
  add("manifest.json", `${JSON.stringify({ build: buildId, files, precache }, null, 2)}\n`);

  const sizes = await save(written);
  report(sizes, new Set([...firstLoad(outputs), "sw.js"]), buildId);
}

/** Writes what changed and removes what is no longer built. */
async function save(written) {
  await mkdir(dist, { recursive: true });
  const wanted = new Set();
  const sizes = new Map();
  for (const [name, bytes] of written) {
    wanted.add(name);
    let small = bytes.length;
    if (COMPRESSED.has(extname(name))) {
      const packed = brotliCompressSync(bytes, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
      });
      await writeFile(join(dist, `${name}.br`), packed);
      wanted.add(`${name}.br`);
      small = packed.length;
    }
    await writeFile(join(dist, name), bytes);
    sizes.set(name, [bytes.length, small]);
  }
  for (const name of await readdir(dist)) if (!wanted.has(name)) await rm(join(dist, name), { recursive: true });
  return sizes;
}

function report(sizes, first, buildId) {
  const lines = [];
  let total = 0;
  for (const [name, [raw, small]] of [...sizes].sort((a, b) => b[1][1] - a[1][1])) {
    if (first.has(name)) total += small;
    lines.push(
      `${first.has(name) ? "*" : " "} ${name.padEnd(36)} ${String(raw).padStart(8)} ${String(small).padStart(8)}`,
    );
  }
  lines.push(`* first load ${total} bytes of ${BUDGET}, build ${buildId}`);
  process.stdout.write(`${lines.join("\n")}\n`);
  if (total > BUDGET) throw new Error("the first load is over its budget");
}

await buildAll();

if (process.argv.includes("--watch")) {
  let timer;
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => buildAll().catch((error) => process.stderr.write(`${error.message}\n`)), 150);
  };
  for (const folder of ["src", "css", "icons"]) {
    if (existsSync(join(here, folder))) watch(join(here, folder), { recursive: true }, again);
  }
}
