/** `evergrant accounts edit`: changes the label, the kind, the owner, the quarantine or the policy of an account. */
import type { z } from 'zod';
import type { PolicyInput } from '../../services/accounts/account-policy';
import { accountPairs } from '../account-pairs';
import type { Command, Option, Options } from '../command';
import { UsageError } from '../errors';

/** The durations of a policy: the option, the member of the API, and the help. */
const POLICY = {
  'refresh-before': ['refresh_before', 'refresh this long before the access token expires'],
  'refresh-after-age': ['refresh_after_age', 'refresh after this time at the latest, or never'],
  jitter: ['jitter', 'spread refreshes over this time, or none'],
  'back-off-first': ['back_off_first', 'wait this long after the first failure'],
  'back-off-max': ['back_off_max', 'wait at most this long after failures'],
  'validate-every': ['validate_every', 'ask the provider whether the token works, sweep or never'],
} as const;

const duration = (help: string): Option => ({ type: 'string', value: 'duration', help });

export const accountsEdit: Command = {
  words: ['accounts', 'edit'],
  positionals: ['id'],
  summary: 'Change the label, the kind, the owner, the quarantine or the policy of an account',
  options: {
    label: { type: 'string', value: 'text', help: 'name shown to people' },
    kind: { type: 'string', value: 'name', help: 'kind of account; --kind= removes it' },
    'owner-email': {
      type: 'string',
      value: 'address',
      help: 'address of the owner, for reconnect links by e-mail; --owner-email= removes it',
    },
    quarantine: {
      type: 'string',
      value: 'yes|no',
      choices: ['yes', 'no'],
      help: 'yes: serve the token, but do not refresh it. no: release the account',
    },
    sweeps: {
      type: 'string',
      value: 'yes|no',
      choices: ['yes', 'no'],
      help: 'no: sweeps skip the account; it is refreshed only on request and on use',
    },
    ...Object.fromEntries(
      Object.entries(POLICY).map(([name, [, help]]) => [name, duration(help)] as const),
    ),
    'provider-policy': {
      type: 'boolean',
      help: 'remove all settings that differ from those of the provider',
    },
  },
  more: [
    'Settings of the policy that you do not name stay as they are. Durations are 90s, 10m or 1h.',
    '"accounts disable" and "accounts enable" change whether Evergrant uses the account. "accounts reconnect"',
    'replaces its tokens.',
  ].join('\n'),
  async run({ api, out, options, positionals: [id = ''] }) {
    const quarantine = options.text('quarantine');
    const changes = policyChanges(options);
    const isReset = options.isSet('provider-policy');
    if (isReset && changes !== undefined)
      throw new UsageError('--provider-policy cannot be used with a setting of the policy');
    const json = {
      label: options.text('label'),
      kind: nullable(options.text('kind')),
      owner_email: nullable(options.text('owner-email')),
      quarantine: quarantine === undefined ? undefined : quarantine === 'yes',
      policy: isReset ? null : changes,
    };
    if (Object.values(json).every((value) => value === undefined))
      throw new UsageError('nothing to change: use at least one option');
    if (json.policy) {
      // The API replaces the policy as a whole.
      const { policy } = await api.ask(({ admin }) =>
        admin.accounts[':id'].$get({ param: { id } }),
      );
      json.policy = { ...policy, ...json.policy };
    }
    const account = await api.ask(({ admin }) =>
      admin.accounts[':id'].$patch({ param: { id }, json }),
    );
    out.one(account, accountPairs(account));
    return 0;
  },
};

type PolicyChanges = z.input<typeof PolicyInput>;

/** An empty value removes a member. */
function nullable(value: string | undefined): string | null | undefined {
  return value === '' ? null : value;
}

function policyChanges(options: Options): PolicyChanges | undefined {
  const sweeps = options.text('sweeps');
  const durations = Object.entries(POLICY).flatMap(([name, [member]]) => {
    const value = options.text(name);
    return value === undefined ? [] : [[member, value] as const];
  });
  if (sweeps === undefined && durations.length === 0) return undefined;
  return {
    ...(sweeps === undefined ? {} : { enabled: sweeps === 'yes' }),
    ...Object.fromEntries(durations),
  };
}
