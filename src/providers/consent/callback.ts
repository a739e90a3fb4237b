/** Validates the parameters with which the provider sends the person back, before the code is used. */
import { AuthorizationResponseError, validateAuthResponse } from 'oauth4webapi';
import type { ProviderValues } from '../../domain/account/grant';
import type { ConnectFailure } from '../../domain/connect/connect-session';
import { maskFreeText } from '../../domain/masking/masking';
import { keptText } from '../exchange/provider-values';
import type { ConsentEndpoint, ConsentRules } from './consent';
import { accountOf, type ConsentTarget } from './consent-server';

export interface CallbackFailure {
  failure: ConnectFailure;
  /** The provider's words, masked. */
  detail: string | null;
}

/** Errors that report a person's refusal. The standard defines the first one. */
const DECLINED = new Set(['access_denied', 'user_denied', 'user_cancelled_authorize']);

/** Temporary errors. */
const TEMPORARY = new Set(['server_error', 'temporarily_unavailable']);

/** Errors of the OAuth app or its request. */
const APP_ERRORS = new Set([
  'invalid_request',
  'unauthorized_client',
  'unsupported_response_type',
  'invalid_scope',
  'invalid_client',
  'redirect_uri_mismatch',
]);

export interface CallbackInput extends ConsentTarget {
  parameters: URLSearchParams;
  state: string;
}

/**
 * Checks, in this order: the provider's signature, the patterns of its parameters, `iss`, state, error, account.
 *
 * @param isIssRequired whether the metadata announce `iss`
 * @returns the parameters that the code exchange accepts, or the failure
 * @see [RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)
 */
export function checkCallback(
  input: CallbackInput,
  rules: ConsentRules,
  { issuer, clientSecret }: ConsentEndpoint,
  isIssRequired: boolean,
): { checked: URLSearchParams } | CallbackFailure {
  const { environment } = input;
  const parameters = new URLSearchParams(input.parameters);
  if (rules.verifyCallback?.(parameters, clientSecret) === false)
    return { failure: 'wrong_issuer', detail: 'the signature of the callback is not valid' };
  const foreign = rules.callbackPatterns?.find(({ name, accepts, required }) => {
    const values = parameters.getAll(name);
    return values.length === 0
      ? required && !parameters.has('error')
      : new Set(values).size > 1 || values.some((value) => !accepts(value));
  });
  if (foreign !== undefined)
    return { failure: 'provider_refused', detail: `${foreign.name} has an unexpected value` };
  const { codeParameter = 'code' } = rules;
  if (codeParameter !== 'code') {
    const codes = parameters.getAll(codeParameter);
    parameters.delete('code');
    for (const code of codes) parameters.append('code', code);
  }
  const iss = parameters.getAll('iss');
  if (issuer === null) parameters.delete('iss');
  else if (iss.some((one) => one !== issuer) || (isIssRequired && iss.length === 0))
    return {
      failure: 'wrong_issuer',
      detail: iss.length === 0 ? 'iss is missing' : 'iss names another server',
    };
  try {
    const server = {
      issuer: issuer ?? 'https://unknown.invalid',
      authorization_response_iss_parameter_supported: isIssRequired,
    };
    const checked = validateAuthResponse(server, environment.client, parameters, input.state);
    if ((checked.get('code') ?? '') === '')
      return { failure: 'provider_refused', detail: 'no code' };
    return accountFailure(input, rules) ?? { checked };
  } catch (error) {
    // Other errors of the library quote the parameters.
    if (!(error instanceof AuthorizationResponseError))
      return { failure: 'provider_refused', detail: 'the callback is malformed' };
    const codes = parameters.getAll('code');
    const secrets = [input.state, ...codes, ...environment.secrets.map((one) => one.reveal())];
    const words = [error.error, error.error_description].filter((one) => one !== undefined);
    return {
      failure: failureOf(error.error),
      detail: maskFreeText(words.join(': '), secrets),
    };
  }
}

/** The provider values that a checked callback states. */
export function callbackValues(
  checked: URLSearchParams,
  { callbackPatterns = [] }: ConsentRules,
  secrets: readonly string[],
): ProviderValues {
  return Object.fromEntries(
    callbackPatterns.flatMap(({ name }) => {
      const text = keptText(checked.get(name) ?? undefined, secrets);
      return text === null ? [] : [[name, text]];
    }),
  );
}

function failureOf(error: string): ConnectFailure {
  if (DECLINED.has(error)) return 'access_denied';
  if (TEMPORARY.has(error)) return 'provider_unavailable';
  return APP_ERRORS.has(error) ? 'app_refused' : 'provider_refused';
}

/** The code of another shop must not be sent to this shop's host. */
function accountFailure(input: CallbackInput, rules: ConsentRules): CallbackFailure | null {
  const { accountHost } = input.provider.adapter;
  if (rules.subject.kind !== 'callback' || accountHost === undefined) return null;
  const consented = accountHost(input.parameters.get(rules.subject.parameter) ?? '');
  return consented !== null && consented === accountHost(accountOf(input).externalId)
    ? null
    : { failure: 'different_subject', detail: 'the callback names another account' };
}
