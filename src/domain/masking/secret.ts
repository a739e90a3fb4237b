/**
 * A secret in memory. Whatever prints it, on purpose or not, prints `[secret]`; its text is given to who asks for that
 * by name, as late as can be. Logging knows which secrets are alive, and takes them out of whatever was written.
 */

const SHOWN = '[secret]';
/** What `util.inspect` and `console.log` ask for. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    watch(this, text);
  }

  /** The text itself: for the last moment before it is sent, sealed, hashed or compared. */
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
 * How a secret is found in a text without asking for each: of a stretch in its middle, a few pieces one place apart
 * are known. Whoever looks at every fourth place of a text meets one of them wherever that stretch stands.
 */
const PIECE = 8;
const STEP = 4;
const STRETCH = PIECE + STEP - 1;

type Pieces = Map<string, Set<WeakRef<Secret>>>;
const alive: Pieces = new Map();
/** Those that are shorter than a stretch, by their text. */
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

/** What is shorter than a piece could be any word: taking it out would say more than it hides. */
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

/** The texts of those living secrets that stand in a text, or of which a stretch does. */
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
