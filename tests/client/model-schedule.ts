/** Everything that can happen to a phone, as random steps. */
import fc from "fast-check";
import { HOUR, MINUTE } from "./harness.ts";

const KILL_POINTS = [
  "capture:start",
  "capture:prepared",
  "capture:committed",
  "capture:mirrored",
  "draft:committed",
  "photo:mirrored",
  "push:planned",
  "push:marked",
  "push:answered",
  "results:committed",
  "upload:piece",
  "upload:stored",
  "reopen:copied",
  "undo:committed",
  "reconcile:before-tx",
  "reconcile:after-tx",
] as const;

export const FAULTS = ["cut", "lost", "hang", "html", "empty", "500", "503", "half"] as const;

export const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("capture" as const), lane: fc.nat(2), tab: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("refusable" as const), photos: fc.nat(2), tab: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("draft" as const), key: fc.nat(1), tab: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("send" as const), key: fc.nat(1), tab: fc.nat(1) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("decide" as const), form: fc.boolean(), photos: fc.nat(1), tab: fc.nat(1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("undo" as const), tab: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("leave" as const), tab: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("correct" as const), tab: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("discard" as const), pick: fc.nat(9), tab: fc.nat(1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(0, 1000, MINUTE, HOUR) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("faults" as const), list: fc.array(fc.constantFrom(...FAULTS)) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("offline" as const), on: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("kill-at" as const), point: fc.constantFrom(...KILL_POINTS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("kill" as const), tab: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.constant({ do: "wipe" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "second-tab" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("signed-in" as const), on: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: "other-user" as const }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("clock" as const), days: fc.constantFrom(-1000, -1, 1, 20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deploy" as const), batch: fc.constantFrom(1, 3, 50) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("busy" as const), on: fc.boolean() }) },
);
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
