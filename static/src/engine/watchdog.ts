/** Timeouts for storage calls with one shared timer: work still running after a whole tick is stopped. */

/** Register running work by the function that stops it; return the function to call when the work has ended. */
export type Watch = (stop: () => void) => () => void;

export function watchdog(sleep: (ms: number) => Promise<void>, tick: () => number): Watch {
  const running = new Map<() => void, { old: boolean }>();
  let isTicking = false;
  function scheduleTick(): void {
    if (isTicking || running.size === 0) return;
    isTicking = true;
    void sleep(tick()).then(() => {
      isTicking = false;
      for (const [stop, work] of [...running]) {
        if (work.old) stop();
        work.old = true;
      }
      scheduleTick();
    });
  }
  return (stop) => {
    // A new function each time, so that the same `stop` can be registered twice.
    const stopOnce = () => {
      running.delete(stopOnce);
      stop();
    };
    running.set(stopOnce, { old: false });
    scheduleTick();
    return () => void running.delete(stopOnce);
  };
}
