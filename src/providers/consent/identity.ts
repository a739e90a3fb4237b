/** Determines the subject of a consent: the person or shop that gave it. */
import { decodeJwt } from 'jose';
import {
  type AuthorizationServer,
  getValidatedIdTokenClaims,
  processAuthorizationCodeResponse,
} from 'oauth4webapi';
import { type Members, parseObject, valueAt } from '../exchange/answer-members';
import { isSuccess } from '../exchange/exchange-conclusion';
import type { ReceivedGrant } from '../exchange/received-grant';
import {
  type AccountAddress,
  AccountAddressError,
  accountAddress,
} from '../exchange/token-endpoint';
import type { Transport } from '../exchange/transport';
import type { ProviderEnvironment } from '../provider';
import type { SubjectRule } from './consent';

/** Deadline, in ms, of the request that names the person. The grant is received before it. */
const HTTP_DEADLINE_MS = 10_000;

export interface Subject {
  value: string;
  /** Text for people, such as an e-mail address; not masked. */
  label: string | null;
}

export interface IdentityInput {
  rule: SubjectRule;
  environment: ProviderEnvironment;
  account: AccountAddress;
  server: AuthorizationServer;
  grant: ReceivedGrant;
  /** The scopes that were requested. They count as granted if the response names none. */
  scopes: readonly string[];
  members: Members;
  callback: URLSearchParams;
}

/** `isInvalid`: the provider made a statement that is not valid, so the consent must not be stored. */
export type Identity =
  | { subject: Subject | null; warning: string | null; isInvalid: false }
  | { subject: null; warning: string; isInvalid: true };

export async function identify(input: IdentityInput, transport: Transport): Promise<Identity> {
  const { rule, grant, members, callback } = input;
  const accessToken = grant.accessToken?.reveal() ?? '';
  switch (rule.kind) {
    case 'id_token':
      return fromIdToken(rule, input);
    case 'answer':
      return found(subjectIn(members, rule.path), labelIn(members, rule.label), 'token response');
    case 'access_token':
      return found(rule.subjectOf(accessToken), null, 'access token');
    case 'callback':
      return found(callback.get(rule.parameter), callback.get(rule.parameter), 'callback');
    case 'request':
      return fromRequest(rule, accessToken, input, transport);
    case 'none':
      return { subject: null, warning: null, isInvalid: false };
  }
}

function found(value: string | null, label: string | null, source: string): Identity {
  return value === null || value === ''
    ? unknown(`the ${source} does not name who consented`)
    : { subject: { value, label }, warning: null, isInvalid: false };
}

function unknown(warning: string): Identity {
  return { subject: null, warning, isInvalid: false };
}

/**
 * Checks issuer, audience and lifetime. The signature is not checked: the ID token comes from the token endpoint over
 * TLS, which OpenID Connect accepts as proof of its origin.
 * @see [OpenID Connect Core 1.0 §3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)
 */
async function fromIdToken(
  rule: Extract<SubjectRule, { kind: 'id_token' }>,
  { members, server, environment: { client, consent } }: IdentityInput,
): Promise<Identity> {
  const idToken = members['id_token'];
  if (typeof idToken !== 'string') return unknown('the token response has no ID token');
  try {
    const issuer = issuerOf(rule.issuer ?? consent?.issuer ?? server.issuer, idToken);
    const body = JSON.stringify({ access_token: '-', token_type: 'bearer', id_token: idToken });
    const answer = await processAuthorizationCodeResponse(
      { ...server, issuer },
      client,
      new Response(body, { headers: { 'content-type': 'application/json' } }),
      { requireIdToken: true },
    );
    const claims = getValidatedIdTokenClaims(answer);
    if (claims === undefined) throw new TypeError('no claims');
    const value = JSON.stringify([claims.iss, claims.sub]);
    return found(value, labelIn(claims, rule.label), 'ID token');
  } catch {
    // The library's error quotes the token.
    return { subject: null, warning: 'the ID token is not valid', isInvalid: true };
  }
}

/** Replaces `{name}` by the claim of that name, which may only consist of letters, digits and hyphens. */
function issuerOf(template: string, idToken: string): string {
  if (!template.includes('{')) return template;
  const claims = decodeJwt(idToken);
  return template.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const claim = claims[name];
    if (typeof claim !== 'string' || !/^[\w-]{1,64}$/.test(claim)) throw new TypeError(name);
    return claim;
  });
}

async function fromRequest(
  rule: Extract<SubjectRule, { kind: 'request' }>,
  accessToken: string,
  { environment, account, grant, scopes }: IdentityInput,
  transport: Transport,
): Promise<Identity> {
  const url = environment.consent?.identityEndpoint ?? null;
  if (url === null) return unknown('no identityEndpoint is configured');
  if (rule.scope !== undefined && !(grant.scopes ?? scopes).includes(rule.scope))
    return unknown(`who consented is not known, because the scope ${rule.scope} was not granted`);
  // The grant has the values of the callback and those of the answer.
  const { providerValues } = grant;
  const stated = providerValues === undefined ? {} : { providerValues };
  try {
    const answer = await transport.send({
      url: accountAddress(url, { ...account, ...stated }, environment.hosts ?? {}),
      method: rule.method ?? 'GET',
      headers: {
        accept: 'application/json',
        'user-agent': 'Evergrant',
        authorization: `Bearer ${accessToken}`,
        ...(rule.body === undefined ? {} : { 'content-type': rule.body.contentType }),
        ...rule.headers?.(accessToken, {
          clientId: environment.client.client_id,
          clientSecret: environment.consent?.clientSecret?.reveal() ?? '',
        }),
      },
      ...(rule.body === undefined ? {} : { body: rule.body.text }),
      deadlineMs: HTTP_DEADLINE_MS,
    });
    if (!isSuccess(answer))
      return unknown(`the request who consented was refused: HTTP ${answer.status}`);
    const members = parseObject(answer.body) ?? {};
    return found(subjectIn(members, rule.path), labelIn(members, rule.label), 'identity endpoint');
  } catch (error) {
    if (error instanceof AccountAddressError)
      return unknown('who consented is not known, because the account names no host');
    return unknown('the request who consented was not answered');
  }
}

function labelIn(members: Members, path: string | undefined): string | null {
  return path === undefined ? null : textAt(members, path);
}

/** Members that identify the subject together are written as a JSON array, so that no two subjects read alike. */
function subjectIn(members: Members, path: string | readonly string[]): string | null {
  if (typeof path === 'string') return textAt(members, path);
  const parts = path.map((one) => textAt(members, one));
  return parts.some((part) => part === null || part === '') ? null : JSON.stringify(parts);
}

/** Reads a text or a number at a path of member names joined by dots. */
function textAt(members: Members, path: string): string | null {
  const value = valueAt(members, path);
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value : null;
}
