// What every embedded engine has in common. An engine is a server (Temporal, MongoDB) that Evergrant
// starts itself where no address is configured, and that must never outlive it for long.

/** Prints one line for people: what was tried, what is running where, how far a long step is. */
export type Say = (line: string) => void;

export interface EngineOptions {
  /** Where the engine keeps its data, in a folder of its own; created if absent. */
  dataDir: string;
  /** Where binaries and libraries that took long to get are kept between runs; created if absent. */
  cacheDir: string;
  say: Say;
  /**
   * The environment of every process started here. Without it they inherit ours, secrets included,
   * so the caller that read the configuration should hand over a smaller one.
   */
  environment?: NodeJS.ProcessEnv;
}

/** How an engine ended: `expected` is false if nobody called `stop()`. */
interface EngineEnding {
  expected: boolean;
  detail: string;
}

export interface RunningEngine {
  name: string;
  /** Which of the ordered ways provided it, in words for people. */
  way: string;
  pid: number;
  /** Asks the engine to close its files and end; kills it after ten seconds. Safe to call twice. */
  stop(): Promise<void>;
  /** Resolves when the engine has ended, for whatever reason; never rejects. */
  exited: Promise<EngineEnding>;
}
