/**
 * Every bogus reply one to five times in a row: the record is never taken for received before the server has it, and
 * arrives once in the end. One line of JSON tells what was counted.
 */
import { BOGUS, type Seen } from "./bogus-replies.ts";
import { expense, HOUR, MINUTE, Phone } from "./harness.ts";

async function lied(reply: (seen: Seen) => Response, times: number): Promise<string | null> {
  const phone = new Phone();
  const tab = await phone.open();
  await phone.settle();
  phone.offline = true;
  const { op } = await tab.engine.capture(expense());
  const sha256 = (await tab.engine.get(op))?.sha256 ?? "";
  let told = 0;
  phone.fault = (asked) => {
    if (asked.path !== "/sync/push" || told >= times) return "pass";
    told++;
    return reply({ op, sha256 });
  };
  phone.offline = false;
  tab.engine.kick("online");
  for (let minutes = 0; minutes < 600; minutes++) {
    await phone.run(MINUTE);
    const row = await tab.engine.get(op);
    const here = phone.server.ledger.has(op);
    if (!here && (row?.receivedAt !== null || !["saved", "sending", "parked"].includes(row?.state ?? ""))) {
      return `${row?.state} without a receipt`;
    }
    if (here) break;
  }
  await phone.run(HOUR);
  const row = await tab.engine.get(op);
  if (told !== times) return `only ${told} of ${times} replies were asked for`;
  if (row?.state !== "accepted" || phone.server.applied.length !== 1) return `${row?.state} in the end`;
  tab.kill();
  return null;
}

const wrong: string[] = [];
let replies = 0;
for (const [name, reply] of BOGUS) {
  for (let times = 1; times <= 5; times++) {
    replies += times;
    const words = await lied(reply, times);
    if (words) wrong.push(`${name} × ${times}: ${words}`);
  }
}
process.stdout.write(`${JSON.stringify({ kinds: BOGUS.length, replies, wrong })}\n`);
