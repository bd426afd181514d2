/**
 * Random schedules of everything that happens to a phone, against the promises. The oracle is the list of captures
 * that were said to be saved. FAULT_RUNS sets the number of schedules, FAULT_SEED repeats one run.
 */
import test from "node:test";
import fc from "fast-check";
import { step } from "./model-schedule.ts";
import { World } from "./model-world.ts";

test("I1-I8 random schedules of kills, wipes, cuts, clocks, tabs and people keep every promise", async () => {
  const runs = Number(process.env.FAULT_RUNS ?? 300);
  const seed = Number(process.env.FAULT_SEED ?? Date.now() % 2 ** 31);
  let saved = 0;
  const schedule = fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30, size: "max" }), async (steps) => {
    const world = new World();
    for (const next of steps) {
      await world.play(next);
      await world.always();
    }
    await world.finish();
    saved += world.oracle.saved.size;
    for (const tab of world.phone.tabs.slice()) tab.kill();
  });
  await fc.assert(schedule, { numRuns: runs, seed });
  process.stdout.write(`# model: seed ${seed}, ${runs} schedules, ${saved} saved records, 0 lost, 0 doubled\n`);
});
