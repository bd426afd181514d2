/** Report when opening the storage takes too long, not counting server requests. */
export interface StorageWatch {
  /** Pause during a server request and restart the timeout afterwards. */
  pauseWhile<T>(answer: Promise<T>): Promise<T>;
  end(): void;
}

export function watchStorage(wait: () => Promise<unknown>, report: () => void): StorageWatch {
  let turn = 0;
  let ended = false;
  function begin(): void {
    const id = ++turn;
    void wait().then(() => {
      if (!ended && id === turn) report();
    });
  }
  begin();
  return {
    async pauseWhile(answer) {
      turn++;
      try {
        return await answer;
      } finally {
        begin();
      }
    },
    end() {
      ended = true;
    },
  };
}
