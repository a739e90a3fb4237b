/**
 * A secret in memory. Printing or serialising it gives `[secret]`; only `reveal()` returns its text, and it is called
 * as late as possible. The logger removes the text of every live secret from its output.
 */

const SHOWN = '[secret]';
/** The method that `util.inspect` and `console.log` call. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    watch(this, text);
  }

  /** Returns the text. Call it only immediately before sending, encrypting, hashing or comparing. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.toPrimitive](): string {
    return SHOWN;
  }

  [INSPECT](): string {
    return SHOWN;
  }
}

/**
 * Index that finds live secrets in a text without comparing each one. It holds STEP consecutive pieces from the middle
 * of each secret. A search at every STEP-th position of a text meets one of them if the middle occurs there.
 */
const PIECE = 8;
const STEP = 4;
const STRETCH = PIECE + STEP - 1;

type Pieces = Map<string, Set<WeakRef<Secret>>>;
const alive: Pieces = new Map();
/** Secrets shorter than STRETCH, by their full text. */
const aliveAndShort: Pieces = new Map();

interface Watched {
  map: Pieces;
  pieces: string[];
  secret: WeakRef<Secret>;
}

const gone = new FinalizationRegistry<Watched>(({ map, pieces, secret }) => {
  for (const piece of pieces) {
    const known = map.get(piece);
    known?.delete(secret);
    if (known?.size === 0) map.delete(piece);
  }
});

/** A text shorter than PIECE could be any word, so masking it would reveal more than it hides. */
function watch(secret: Secret, text: string): void {
  if (text.length < PIECE) return;
  const isShort = text.length < STRETCH;
  const map = isShort ? aliveAndShort : alive;
  const from = isShort ? 0 : Math.floor((text.length - STRETCH) / 2);
  const pieces = isShort
    ? [text]
    : Array.from({ length: STEP }, (_, at) => text.slice(from + at, from + at + PIECE));
  const watched = { map, pieces, secret: new WeakRef(secret) };
  for (const piece of pieces) {
    const known = map.get(piece);
    if (known === undefined) map.set(piece, new Set([watched.secret]));
    else known.add(watched.secret);
  }
  gone.register(secret, watched);
}

/** Returns the live secrets of which the text contains the whole or the middle. */
export function secretsIn(text: string): string[] {
  const found = new Set<string>();
  const take = (known: Set<WeakRef<Secret>> | undefined) => {
    for (const reference of known ?? []) {
      const secret = reference.deref();
      if (secret !== undefined) found.add(secret.reveal());
    }
  };
  for (const [short, known] of aliveAndShort) if (text.includes(short)) take(known);
  for (let at = 0; at + PIECE <= text.length; at += STEP)
    take(alive.get(text.slice(at, at + PIECE)));
  return [...found];
}
