/** The authorization server of all dialects, without HTTP. Knows client and grants, judges requests, mints tokens. */
import { randomUUID } from 'node:crypto';
import {
  AuthorizationCodes,
  type Consent,
  type IssuedCode,
  isPresentedBy,
} from './authorization-codes';
import type {
  Dialect,
  JudgedCredentials,
  MintedGrant,
  RefusalCode,
  SandboxProvider,
  TokenRequest,
} from './dialect';
import { tokenHash } from './ledger';
import { isRotatedByUse, presentationOf, type Rotation, rotate } from './rotation';
import { type Family, type State, StateFile } from './state-file';

/** Characters that a token, a form, JSON and a header carry unchanged. */
const MARKER_PATTERN = /^[A-Za-z0-9._~+/=-]{1,200}$/;

export interface AuthorizationServerOptions {
  clientId: string;
  clientSecret: string;
  accessTokenLifeSeconds?: number;
  stateFile?: string;
  now?: () => Date;
}

export interface GrantInput {
  subject: string;
  scopes?: string[];
  /** Lifetime of all access tokens of this grant. */
  accessTokenLifeSeconds?: number;
  /** Expiry of the first access token, for a grant with a past. Default: now plus the lifetime. */
  expiresAt?: Date;
  /** Appears verbatim in the secret part of all tokens of this grant, for tests that search for leaks. */
  secretMarker?: string;
  /** Overrides the provider's rotation of refresh tokens. */
  rotation?: Rotation;
}

/** The members of the token response after consent, with an absolute expiry. */
export interface IssuedGrant {
  access_token: string;
  refresh_token: string;
  /** ISO 8601, UTC. */
  expires_at: string;
  scopes: string[];
}

export type Verdict =
  | { accepted: true; family: Family; scopes: readonly string[]; refreshToken: string }
  | { accepted: true; code: IssuedCode }
  | { accepted: true; credentials: JudgedCredentials; scopes: readonly string[] }
  | {
      accepted: false;
      code: RefusalCode;
      /** The family whose used refresh token or code was presented again. */
      replayed?: Family;
    };

export class AuthorizationServer {
  readonly #clientId: string;
  #clientSecret: string;
  readonly #accessTokenLifeSeconds: number | undefined;
  readonly #now: () => Date;
  readonly #codes = new AuthorizationCodes();
  /** The sandbox's URL, once it listens. */
  url = '';
  readonly #families = new Map<string, Family>();
  readonly #familyOfRefreshToken = new Map<string, Family>();
  /** New refresh tokens by the hash of the token they replaced. In memory only, so a restart ends the grace period. */
  readonly #successorOf = new Map<string, string>();
  /** `expiresAtMs: null`: the token does not expire. */
  readonly #accessTokens = new Map<string, { familyId: string; expiresAtMs: number | null }>();
  readonly #stateFile: StateFile | undefined;

  constructor(options: AuthorizationServerOptions) {
    this.#clientId = options.clientId;
    this.#clientSecret = options.clientSecret;
    this.#accessTokenLifeSeconds = options.accessTokenLifeSeconds;
    this.#now = options.now ?? (() => new Date());
    if (options.stateFile === undefined) return;
    const state = StateFile.read(options.stateFile);
    if (state) this.#restore(state);
    this.#stateFile = new StateFile(options.stateFile, () => this.#snapshot());
  }

  /** Each provider has a separate issuer. */
  issuerOf(provider: SandboxProvider): string {
    return `${this.url}/${provider}`;
  }

  /**
   * Creates a family, as if its owner had just consented.
   *
   * @throws if the access tokens of the provider do not expire; see {@link issueEndlessToken}
   */
  issueGrant(dialect: Dialect, input: GrantInput): IssuedGrant {
    const nowMs = this.#now().getTime();
    const family = this.#newFamily(dialect, input);
    if (family.accessTokenLifeSeconds === null)
      throw new TypeError(`the access tokens of ${dialect.name} do not expire`);
    const refreshToken = this.#firstRefreshToken(dialect, family);
    const expiresAtMs = input.expiresAt?.getTime() ?? nowMs + family.accessTokenLifeSeconds * 1000;
    const accessToken = this.#mintAccessToken(dialect, family, expiresAtMs);
    return {
      access_token: accessToken,
      refresh_token: dialect.renewsByAccessToken === true ? accessToken : refreshToken,
      expires_at: new Date(expiresAtMs).toISOString(),
      scopes: [...family.scopes],
    };
  }

  /** Creates a family with only an access token that does not expire. */
  issueEndlessToken(
    dialect: Dialect,
    input: Pick<GrantInput, 'subject' | 'scopes' | 'secretMarker'>,
  ): string {
    return this.#mintAccessToken(dialect, this.#newFamily(dialect, input), null);
  }

  /**
   * Revokes all tokens of a family, as if its owner had withdrawn the consent.
   *
   * @param token any working token of the grant
   * @throws if no grant has the token
   */
  revoke(token: string): void {
    const hash = tokenHash(token);
    const family =
      this.#familyOfRefreshToken.get(hash) ??
      this.#families.get(this.#accessTokens.get(hash)?.familyId ?? '');
    if (!family) throw new Error('no grant of the sandbox has this token');
    family.revokedAtMs ??= this.#now().getTime();
    this.#stateFile?.schedule();
  }

  get clientId(): string {
    return this.#clientId;
  }

  get clientSecret(): string {
    return this.#clientSecret;
  }

  /** Issues a code for a consent. */
  issueCode(consent: Consent): string {
    return this.#codes.issue(consent, this.#now().getTime());
  }

  subjectOfCode(provider: SandboxProvider, code: string): string | undefined {
    const issued = this.#codes.find(code);
    return issued?.provider === provider ? issued.subject : undefined;
  }

  /** The subjects that have consented at this provider, newest last. */
  subjects(provider: SandboxProvider): string[] {
    const families = [...this.#families.values()].filter((one) => one.provider === provider);
    return [...new Set(families.map(({ subject }) => subject))];
  }

  isClient(
    dialect: Dialect,
    { clientId, clientSecret, assertedClientId, secretOnly, withoutSecret }: TokenRequest,
  ): boolean {
    if (assertedClientId !== undefined) return assertedClientId === this.#clientId;
    return (
      (secretOnly === true || clientId === this.#clientId) &&
      (dialect.publicClient === true ||
        withoutSecret === true ||
        clientSecret === this.#clientSecret)
    );
  }

  setClientSecret(secret: string): void {
    this.#clientSecret = secret;
  }

  subjectOf(provider: SandboxProvider, refreshToken: string): string | undefined {
    const family = this.#familyOfRefreshToken.get(tokenHash(refreshToken));
    return family?.provider === provider ? family.subject : undefined;
  }

  subjectOfAccessToken(provider: SandboxProvider, accessToken: string): string | undefined {
    const familyId = this.#accessTokens.get(tokenHash(accessToken))?.familyId ?? '';
    const family = this.#families.get(familyId);
    return family?.provider === provider ? family.subject : undefined;
  }

  /** Whether the refresh token was used and has a successor. */
  isRotated(provider: SandboxProvider, refreshToken: string): boolean {
    const hash = tokenHash(refreshToken);
    const family = this.#familyOfRefreshToken.get(hash);
    return (
      family?.provider === provider &&
      presentationOf(family, hash, this.#now().getTime()) !== 'current'
    );
  }

  /** Whether the provider would accept the access token now. */
  isAccessTokenActive(accessToken: string): boolean {
    const minted = this.#accessTokens.get(tokenHash(accessToken));
    if (!minted || hasEnded(minted.expiresAtMs, this.#now().getTime())) return false;
    return this.#families.get(minted.familyId)?.revokedAtMs === undefined;
  }

  /**
   * Judges a request in this order: client, grant type, parameters, grant, scope.
   *
   * @see [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)
   * @see [RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)
   */
  judge(dialect: Dialect, request: TokenRequest): Verdict {
    const { judged } = request;
    if (judged !== undefined)
      return judged.refusal === null
        ? {
            accepted: true,
            credentials: judged,
            scopes: judged.scopes ?? request.scopes ?? dialect.defaultScopes,
          }
        : refuse(judged.refusal);
    if (!this.isClient(dialect, request)) return refuse('invalid_client');
    if (request.malformed) return refuse('invalid_request');
    if (request.grantType === 'authorization_code') return this.#judgeCode(dialect, request);
    if (request.grantType !== 'refresh_token') return refuse('unsupported_grant_type');
    if (request.refreshToken === undefined) return refuse('invalid_request');
    const { refreshToken } = request;
    const hash = tokenHash(refreshToken);
    const family = this.#presentedFamily(dialect, refreshToken);
    if (!family || !this.#isAlive(family, dialect.provider)) return refuse('invalid_grant');
    const isRenewal = dialect.renewsByAccessToken === true;
    if (!isRenewal && presentationOf(family, hash, this.#now().getTime()) === 'replayed') {
      return { accepted: false, code: 'invalid_grant', replayed: family };
    }
    if (this.#isTooEarly(dialect, family)) return refuse('too_early');
    const scopes = request.scopes ?? family.scopes;
    if (scopes.some((scope) => !family.scopes.includes(scope))) return refuse('invalid_scope');
    return { accepted: true, family, scopes, refreshToken };
  }

  /** The family of the token that a refresh presents. */
  #presentedFamily({ renewsByAccessToken }: Dialect, token: string): Family | undefined {
    const hash = tokenHash(token);
    if (renewsByAccessToken !== true) return this.#familyOfRefreshToken.get(hash);
    return this.isAccessTokenActive(token)
      ? this.#families.get(this.#accessTokens.get(hash)?.familyId ?? '')
      : undefined;
  }

  #isTooEarly({ notBefore }: Dialect, { id }: Family): boolean {
    if (notBefore === undefined) return false;
    const from = this.#now().getTime() + notBefore.seconds * 1000;
    return [...this.#accessTokens.values()].some(
      ({ familyId, expiresAtMs }) => familyId === id && (expiresAtMs ?? 0) > from,
    );
  }

  /** @see [RFC 6749 section 4.1.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2): a used code revokes its grant */
  #judgeCode({ provider }: Dialect, request: TokenRequest): Verdict {
    if (request.code === undefined) return refuse('invalid_request');
    const code = this.#codes.find(request.code);
    const nowMs = this.#now().getTime();
    // The client is known, even if the request names it in another way.
    const presented = { ...request, provider, clientId: this.#clientId };
    if (code === undefined || !isPresentedBy(code, presented, nowMs))
      return refuse('invalid_grant');
    const used = this.#families.get(code.familyId ?? '');
    if (used !== undefined) return { accepted: false, code: 'invalid_grant', replayed: used };
    return { accepted: true, code };
  }

  /**
   * Mints and stores the tokens for an accepted request. A rotation is on disk when this returns, because a listener
   * may then kill the waiting process, or this one.
   */
  commit(dialect: Dialect, verdict: Verdict & { accepted: true }): MintedGrant {
    if ('credentials' in verdict) {
      const { credentials, scopes } = verdict;
      const { subject, grantType } = credentials;
      const family = this.#newFamily(dialect, { subject, scopes: [...scopes] });
      return { ...this.#minted(dialect, family, scopes), grantType };
    }
    return 'code' in verdict
      ? this.#commitCode(dialect, verdict.code)
      : this.#commitRefresh(dialect, verdict);
  }

  #commitCode(dialect: Dialect, code: IssuedCode): MintedGrant {
    const family = this.#newFamily(dialect, { subject: code.subject, scopes: [...code.scopes] });
    code.familyId = family.id;
    const refreshToken = this.#firstRefreshToken(dialect, family);
    const grant = this.#minted(dialect, family, code.scopes);
    this.flush();
    return code.givesRefreshToken ? { ...grant, refreshToken } : grant;
  }

  #firstRefreshToken(dialect: Dialect, family: Family): string {
    const refreshToken = dialect.mintRefreshToken(family.secretMarker, family.subject);
    const hash = tokenHash(refreshToken);
    family.refreshTokenHashes.push(hash);
    this.#familyOfRefreshToken.set(hash, family);
    return refreshToken;
  }

  #commitRefresh(
    dialect: Dialect,
    { family, scopes, refreshToken }: Extract<Verdict, { family: Family }>,
  ): MintedGrant {
    const isRenewal = dialect.renewsByAccessToken === true;
    const successor = isRenewal ? undefined : this.#successor(dialect, family, refreshToken);
    const extendedToMs = this.#now().getTime() + dialect.refreshTokenLifeSeconds * 1000;
    family.refreshTokenExpiresAtMs = Math.min(extendedToMs, family.endsAtMs ?? Infinity);
    const grant = this.#minted(dialect, family, scopes);
    if (successor !== undefined || isRenewal) this.flush();
    return {
      ...grant,
      presentedRefreshToken: refreshToken,
      ...(successor !== undefined && { refreshToken: successor }),
    };
  }

  #minted(dialect: Dialect, family: Family, scopes: readonly string[]): MintedGrant {
    const nowMs = this.#now().getTime();
    const expiresInSeconds = family.accessTokenLifeSeconds;
    const expiresAtMs = expiresInSeconds === null ? null : nowMs + expiresInSeconds * 1000;
    const accessToken = this.#mintAccessToken(dialect, family, expiresAtMs);
    return {
      subject: family.subject,
      clientId: family.clientId,
      issuer: this.issuerOf(family.provider),
      accessToken,
      expiresInSeconds,
      scopes,
      refreshTokenExpiresInSeconds: Math.round((family.refreshTokenExpiresAtMs - nowMs) / 1000),
    };
  }

  /**
   * Revokes all tokens of a family after a replay, because either of the two presenters may be a thief.
   * @returns whether the family was live
   */
  revokeReplayed(family: Family): boolean {
    const alive = family.revokedAtMs === undefined;
    family.revokedAtMs ??= this.#now().getTime();
    this.#stateFile?.schedule();
    this.flush();
    return alive;
  }

  flush(): void {
    this.#stateFile?.flush();
  }

  /** Returns the refresh token that replaces the presented one, or `undefined` if it stays. */
  #successor(dialect: Dialect, family: Family, presented: string): string | undefined {
    const rotation = family.rotation ?? dialect.rotation;
    const { mode } = rotation;
    const hash = tokenHash(presented);
    const known = mode === 'grace' ? this.#successorOf.get(hash) : undefined;
    if (known !== undefined) return known;
    if (!isRotatedByUse(family, rotation)) return undefined;
    const successor = dialect.mintRefreshToken(family.secretMarker, family.subject);
    const successorHash = tokenHash(successor);
    rotate(family, hash, successorHash, this.#now().getTime());
    this.#familyOfRefreshToken.set(successorHash, family);
    if (mode === 'grace') this.#successorOf.set(hash, successor);
    return successor;
  }

  #isAlive(family: Family, provider: SandboxProvider): boolean {
    return (
      family.provider === provider &&
      family.clientId === this.#clientId &&
      family.revokedAtMs === undefined &&
      family.refreshTokenExpiresAtMs > this.#now().getTime()
    );
  }

  #newFamily(dialect: Dialect, input: GrantInput): Family {
    if (input.secretMarker !== undefined && !MARKER_PATTERN.test(input.secretMarker)) {
      throw new TypeError(`"secretMarker" must match ${MARKER_PATTERN.source}`);
    }
    const nowMs = this.#now().getTime();
    const endsAtMs = nowMs + (dialect.grantLifeSeconds ?? Infinity) * 1000;
    const shortened = dialect.hasFixedLife === true ? undefined : this.#accessTokenLifeSeconds;
    const family: Family = {
      id: randomUUID(),
      provider: dialect.provider,
      clientId: this.#clientId,
      subject: input.subject,
      scopes: [...(input.scopes ?? dialect.defaultScopes)],
      refreshTokenHashes: [],
      rotation: input.rotation ?? dialect.rotation,
      refreshTokenExpiresAtMs: Math.min(nowMs + dialect.refreshTokenLifeSeconds * 1000, endsAtMs),
      ...(Number.isFinite(endsAtMs) && { endsAtMs }),
      accessTokenLifeSeconds:
        dialect.accessTokenLifeSeconds === null
          ? null
          : (input.accessTokenLifeSeconds ?? shortened ?? dialect.accessTokenLifeSeconds),
      ...(input.secretMarker !== undefined && { secretMarker: input.secretMarker }),
    };
    this.#families.set(family.id, family);
    return family;
  }

  #mintAccessToken(dialect: Dialect, family: Family, expiresAtMs: number | null): string {
    const accessToken = dialect.mintAccessToken(family.secretMarker, family.subject);
    this.#accessTokens.set(tokenHash(accessToken), { familyId: family.id, expiresAtMs });
    this.#stateFile?.schedule();
    return accessToken;
  }

  #snapshot(): State {
    const nowMs = this.#now().getTime();
    for (const [hash, { expiresAtMs }] of this.#accessTokens) {
      if (hasEnded(expiresAtMs, nowMs)) this.#accessTokens.delete(hash);
    }
    return {
      version: 1,
      families: [...this.#families.values()],
      accessTokens: Array.from(this.#accessTokens, ([hash, minted]) => ({ hash, ...minted })),
    };
  }

  #restore(state: State): void {
    for (const family of state.families) {
      this.#families.set(family.id, family);
      for (const hash of family.refreshTokenHashes) this.#familyOfRefreshToken.set(hash, family);
    }
    for (const { hash, ...minted } of state.accessTokens) this.#accessTokens.set(hash, minted);
  }
}

function hasEnded(expiresAtMs: number | null, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}

function refuse(code: RefusalCode): Verdict {
  return { accepted: false, code };
}
