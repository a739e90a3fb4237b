/** Failures of accounts with credentials: the account is at fault where a refresh would blame the OAuth app. */
import type { Account } from '../account/account';
import { holdsCredentials } from '../account/grant-type';
import { FailureClass, type RefreshFailure } from './refresh-failure';

/**
 * Returns the failure as it applies to the account. A refused client is the app's fault only if the account uses the
 * app; a refused scope, grant type or request is always the account's, because other accounts request other grants.
 */
export function failureOfAccount(
  failure: RefreshFailure | null,
  { grantType, hasOwnClient }: Pick<Account, 'grantType' | 'hasOwnClient'>,
): RefreshFailure | null {
  if (failure === null || !holdsCredentials(grantType)) return failure;
  if (failure.code === 'invalid_grant') return { ...failure, message: REFUSED };
  if (failure.class !== FailureClass.app) return failure;
  if (failure.code === 'invalid_client' && !hasOwnClient) return failure;
  return {
    ...failure,
    class: FailureClass.account,
    message:
      failure.code === 'invalid_client'
        ? 'The provider does not accept the client id and the secret or key of this account. No other account is affected. Enter the right credentials.'
        : `The provider does not issue a token for the credentials of this account (${failure.code}). No other account is affected. Check the scopes of the account and the settings of its client at the provider.`,
  };
}

const REFUSED =
  'The provider refuses the credentials of this account: the key or the secret was revoked, the subject did not consent, or the clock of this machine is wrong. Enter the right credentials, or restore the access at the provider.';
