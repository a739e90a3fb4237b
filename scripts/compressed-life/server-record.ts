/** What an authorization server of the compressed life did: its own record, which Evergrant has no part in. */

/** One refresh token at the token endpoint. */
export interface Presentation {
  /** When it came, in ms since 1970. */
  at: number;
  account: string;
  refreshToken: string;
  /** The refresh token that was answered; `null`: it was refused. */
  successor: string | null;
  /** Why it was refused. */
  refusal: string | null;
}

/** An answer that was sent and not stored; times in ms since 1970. */
export interface LostAnswer {
  at: number;
  /** When the refresh token that it replaced was presented again. */
  replayedAt: number;
  /** When the access token was granted that the account still held; `null`: there was none. */
  heldSince: number | null;
}

export class ServerRecord {
  readonly presentations: Presentation[] = [];
  /** The account of each refresh token. */
  readonly #accounts = new Map<string, string>();
  #onGrant: () => void = () => undefined;

  /** Calls back at the next refresh that is granted, before its answer leaves. */
  nextGrant(then: () => void): void {
    this.#onGrant = () => {
      this.#onGrant = () => undefined;
      then();
    };
  }

  issued(account: string, refreshToken: string): void {
    this.#accounts.set(refreshToken, account);
  }

  granted(refreshToken: string, successor: string): void {
    const account = this.#accountOf(refreshToken);
    this.issued(account, successor);
    this.presentations.push({ at: Date.now(), account, refreshToken, successor, refusal: null });
    this.#onGrant();
  }

  refused(refreshToken: string, refusal: string): void {
    const account = this.#accountOf(refreshToken);
    this.presentations.push({ at: Date.now(), account, refreshToken, successor: null, refusal });
  }

  /** How many refreshes were granted. */
  get refreshes(): number {
    return this.presentations.filter(({ successor }) => successor !== null).length;
  }

  /**
   * The granted refresh whose answer the account never used, where the refresh token that it replaced came again:
   * the answer was sent, and not stored. `null`: there is none.
   */
  lostAnswer(account: string): LostAnswer | null {
    const own = this.presentations.filter((one) => one.account === account);
    const presented = new Set(own.map(({ refreshToken }) => refreshToken));
    for (const [place, { at, refreshToken, successor }] of own.entries()) {
      if (successor === null || presented.has(successor)) continue;
      const replay = own.slice(place + 1).find((later) => later.refreshToken === refreshToken);
      const before = own.find((earlier) => earlier.successor === refreshToken);
      if (replay !== undefined) return { at, replayedAt: replay.at, heldSince: before?.at ?? null };
    }
    return null;
  }

  /** Why the account was refused first; `null`: it never was. */
  firstRefusal(account: string): string | null {
    const own = this.presentations.filter((one) => one.account === account);
    return own.find(({ refusal }) => refusal !== null)?.refusal ?? null;
  }

  #accountOf(refreshToken: string): string {
    return this.#accounts.get(refreshToken) ?? '(unknown)';
  }
}

/** An authorization server of the compressed life. */
export interface LifeServer {
  /** In words, for the table. */
  name: string;
  issuer: string;
  /** What an entry of `providers.yaml` says of it, beside the issuer and the client. */
  entry: Record<string, string>;
  record: ServerRecord;
  accessTokenLifeSeconds: number;
  /** A first grant of the account, with the life of its refresh token in seconds. */
  grant(account: string): Promise<{ refreshToken: string; lifeSeconds: number }>;
  /** What the server's introspection endpoint says of the access token now. */
  isActive(accessToken: string): Promise<boolean>;
  stop(): Promise<void>;
}

/** The one client of a server; both servers know it by its secret. */
export interface LifeClient {
  clientId: string;
  clientSecret: string;
}

/**
 * Asks an introspection endpoint.
 * @see [RFC 7662 §2](https://www.rfc-editor.org/rfc/rfc7662#section-2)
 */
export async function introspect(
  endpoint: string,
  { clientId, clientSecret }: LifeClient,
  token: string,
): Promise<boolean> {
  const response = await fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams({ token, client_id: clientId, client_secret: clientSecret }),
  });
  const body: unknown = await response.json();
  if (response.status !== 200 || typeof body !== 'object' || body === null || !('active' in body))
    throw new Error(`the introspection endpoint answered ${response.status}`);
  return body.active === true;
}
