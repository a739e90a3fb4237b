/**
 * Types shared by the embedded servers (Temporal, MongoDB). Evergrant starts an embedded server if no address is
 * configured, and the server ends soon after Evergrant.
 */
/** Logs one line for the operator: a failed strategy, an address, or the progress of a long step. */
export type Log = (line: string) => void;

export interface EngineOptions {
  /** The server stores its data in a subfolder. Created if absent. */
  dataDir: string;
  /** Stores downloaded and built programs between runs. Created if absent. */
  cacheDir: string;
  log: Log;
  /**
   * Environment of every process started here. If absent, the processes inherit the environment of Evergrant with its
   * secrets, so callers with a configuration should pass `engineEnvironment`.
   */
  environment?: NodeJS.ProcessEnv;
}

/** The end of a server. `expected` is false if it ended without `stop()`. */
interface EngineEnding {
  expected: boolean;
  detail: string;
}

export interface RunningEngine {
  name: string;
  /** Name of the strategy that provided the server, such as `mongod on PATH`. */
  strategy: string;
  pid: number;
  /** Stops the server, and kills it after ten seconds. Safe to call twice. */
  stop(): Promise<void>;
  /** Resolves when the server has ended for any reason. Never rejects. */
  exited: Promise<EngineEnding>;
}
