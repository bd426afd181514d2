/** Says so once the storage takes too long to open. Time in which the server was asked is not the storage's. */
export interface StorageWatch {
  /** The start waits for the server here; afterwards the storage has its whole time again. */
  whileAsking<T>(answer: Promise<T>): Promise<T>;
  end(): void;
}

export function watchStorage(wait: () => Promise<unknown>, say: () => void): StorageWatch {
  let turn = 0;
  let ended = false;
  function begin(): void {
    const mine = ++turn;
    void wait().then(() => {
      if (!ended && mine === turn) say();
    });
  }
  begin();
  return {
    async whileAsking(answer) {
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
