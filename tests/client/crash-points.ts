/**
 * One session of everything a person does, ended at every named point of the engine in every way, against the promises
 * of model-world.ts. FAULT_SEED repeats a run, FAULT_RUNS is the number of runs for each point and way.
 */
import type { Tab } from "./harness.ts";
import { HOUR, MINUTE } from "./harness.ts";
import type { Step } from "./model-schedule.ts";
import { HOLD, World } from "./model-world.ts";

/**
 * Every point of the engine lies on this way: drafts, photos, sending, a refusal, its correction, a second tab, and
 * decisions that are taken back, left alone until their seconds are over, or sent as their page goes.
 */
const SESSION: Step[] = [
  { do: "second-tab" },
  { do: "draft", key: 0, tab: 0 },
  { do: "capture", lane: 0, tab: 1 },
  { do: "refusable", photos: 2, tab: 0 },
  { do: "send", key: 0, tab: 0 },
  { do: "wait", ms: MINUTE },
  { do: "decide", form: true, photos: 1, tab: 0 },
  { do: "undo", tab: 0 },
  { do: "correct", tab: 0 },
  { do: "capture", lane: 0, tab: 0 },
  { do: "second-tab" },
  { do: "draft", key: 1, tab: 1 },
  { do: "send", key: 1, tab: 1 },
  { do: "refusable", photos: 1, tab: 1 },
  { do: "wait", ms: HOUR },
  { do: "correct", tab: 1 },
  { do: "decide", form: true, photos: 0, tab: 1 },
  { do: "wait", ms: HOUR },
  { do: "decide", form: false, photos: 0, tab: 0 },
  { do: "wait", ms: HOLD - 1 },
  { do: "undo", tab: 0 },
  { do: "decide", form: true, photos: 1, tab: 0 },
  { do: "leave", tab: 0 },
  { do: "wait", ms: HOUR },
];

type Way = (world: World, tab: Tab) => void;

const WAYS: Record<string, Way> = {
  "the tab": (_, tab) => tab.kill(),
  "the other tab": ({ phone }, tab) => {
    for (const other of phone.tabs.slice()) if (other !== tab) other.kill();
  },
  "the browser": ({ phone }) => {
    for (const tab of phone.tabs.slice()) tab.kill();
  },
  "the network": (world) => {
    // The request under way did its work or not; then there is nothing for a while.
    world.faults = ["lost", "cut", "cut", "lost", "cut"];
  },
};

function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

async function session(world: World): Promise<void> {
  for (const step of SESSION) {
    await world.play(step);
    await world.always();
  }
  await world.finish();
  for (const tab of world.phone.tabs.slice()) tab.kill();
}

/** How often each point is passed when nothing goes wrong. */
async function passes(): Promise<Map<string, number>> {
  const world = new World();
  const seen = new Map<string, number>();
  world.phone.onPoint = (name) => seen.set(name, (seen.get(name) ?? 0) + 1);
  await session(world);
  return seen;
}

interface Done {
  fired: boolean;
  saved: number;
  undone: number;
}

async function broken(point: string, pass: number, way: Way, seed: number): Promise<Done> {
  const world = new World();
  world.phone.random = chance(seed);
  let left = pass;
  world.phone.onPoint = (name, tab) => {
    if (name === point && --left === 0) way(world, tab);
  };
  await session(world);
  return { fired: left <= 0, saved: world.oracle.saved.size, undone: world.oracle.undone.size };
}

const seed = Number(process.env.FAULT_SEED ?? Date.now() % 2 ** 31);
const each = Number(process.env.FAULT_RUNS ?? 5);
const known = await passes();
let [runs, fired, saved, undone] = [0, 0, 0, 0];
/** How often it really died at the point and way where it did so least: a pass may not come again in another run. */
let least = each;
const wrong: string[] = [];
for (const [point, count] of known) {
  for (const [name, way] of Object.entries(WAYS)) {
    const before = fired;
    for (let run = 0; run < each; run++) {
      runs++;
      try {
        const done = await broken(point, 1 + (run % count), way, seed + runs);
        if (done.fired) fired++;
        saved += done.saved;
        undone += done.undone;
      } catch (error) {
        wrong.push(`${point}, ${name}, run ${run}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    least = Math.min(least, fired - before);
  }
}
const counted = { runs, fired, least, saved, undone, wrong };
const told = { seed, points: [...known.keys()], ways: Object.keys(WAYS).length, ...counted };
process.stdout.write(`${JSON.stringify(told)}\n`);
