/** Keeps the sandbox's grants across restarts in demo mode, in one JSON file that contains hashes instead of tokens. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { rotationSchema } from './rotation';

const familySchema = z.strictObject({
  id: z.string(),
  provider: z.string(),
  clientId: z.string(),
  subject: z.string(),
  scopes: z.array(z.string()),
  /** SHA-256 of every refresh token of the family, oldest first. */
  refreshTokenHashes: z.array(z.string()),
  rotation: rotationSchema.optional(),
  predecessorHash: z.string().optional(),
  successors: z.number().optional(),
  uses: z.number().optional(),
  rotatedAtMs: z.number().optional(),
  refreshTokenExpiresAtMs: z.number(),
  /** Refreshes do not extend the grant beyond it. */
  endsAtMs: z.number().optional(),
  /** `null`: the access tokens do not expire. */
  accessTokenLifeSeconds: z.number().nullable(),
  secretMarker: z.string().optional(),
  revokedAtMs: z.number().optional(),
});

const stateSchema = z.strictObject({
  version: z.literal(1),
  families: z.array(familySchema),
  accessTokens: z.array(
    z.strictObject({ hash: z.string(), familyId: z.string(), expiresAtMs: z.number().nullable() }),
  ),
});

/** One consent and all tokens issued for it. */
export type Family = z.infer<typeof familySchema>;
export type State = z.infer<typeof stateSchema>;

const MIN_WRITE_INTERVAL_MS = 200;

/** Batches writes for up to 200 ms, to avoid writing the whole state per request. `flush` writes immediately. */
export class StateFile {
  readonly #path: string;
  readonly #snapshot: () => State;
  #timer: NodeJS.Timeout | undefined;
  #writtenAtMs = -Infinity;

  constructor(path: string, snapshot: () => State) {
    this.#path = path;
    this.#snapshot = snapshot;
  }

  /** @throws if the file exists but is not a state of this version */
  static read(path: string): State | undefined {
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, 'utf8');
    try {
      return stateSchema.parse(JSON.parse(text));
    } catch {
      throw new Error(
        `The sandbox's state file ${path} is unreadable. Delete it to start with an empty sandbox.`,
      );
    }
  }

  schedule(): void {
    const wait = Math.max(0, this.#writtenAtMs + MIN_WRITE_INTERVAL_MS - performance.now());
    this.#timer ??= setTimeout(() => this.flush(), wait);
  }

  /** Replaces the file by rename, so that a reader or a crash sees either the old or the new state. */
  flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.${randomUUID()}.tmp`;
    writeFileSync(temporary, JSON.stringify(this.#snapshot()), { mode: 0o600, flag: 'wx' });
    renameSync(temporary, this.#path);
    this.#writtenAtMs = performance.now();
  }
}
