/** Storage that never answers must not hang the page: what outlasts a whole tick is stopped. One timer for all. */

/** Registers work with what stops it; returns what to call once it has ended by itself. */
export type Watch = (stop: () => void) => () => void;

export function watchdog(sleep: (ms: number) => Promise<void>, tick: () => number): Watch {
  const going = new Map<() => void, { old: boolean }>();
  let awake = false;
  function wake(): void {
    if (awake || going.size === 0) return;
    awake = true;
    void sleep(tick()).then(() => {
      awake = false;
      for (const [stop, work] of [...going]) {
        if (work.old) stop();
        work.old = true;
      }
      wake();
    });
  }
  return (stop) => {
    // A function of its own, so that the same `stop` can be watched twice.
    const mine = () => {
      going.delete(mine);
      stop();
    };
    going.set(mine, { old: false });
    wake();
    return () => void going.delete(mine);
  };
}
