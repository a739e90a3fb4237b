/** Adds an account by its refresh token, and edits an account. */
import { ServiceError } from '../../domain/service-error';
import { parseObject } from '../../providers/exchange/answer-members';
import { AccountPatchBody, changeAccount } from '../../services/accounts/change-account';
import { connectAccount, NewAccountBody } from '../../services/accounts/new-account';
import type { UiDependencies } from '../dependencies';
import { answerDone } from '../done';
import type { UiApp, UiContext } from '../env';
import { actOrShowAgain, formFields, parsedForm } from '../form';
import { demandAdmin } from '../guard';
import { showPage } from '../layout';
import { findAccount } from '../pages/account';
import {
  EditAccountForm,
  editableDigest,
  NEW_ACCOUNT_PATH,
  NewAccountForm,
} from '../pages/account-form';
import { ACCOUNTS_PATH, accountPath } from '../pages/accounts';

const EDIT = `${ACCOUNTS_PATH}/:id/edit` as const;

export function registerAccountForms(ui: UiApp, deps: UiDependencies): void {
  const { providers } = deps;
  const NEW = { title: 'Add an account', section: ACCOUNTS_PATH, narrow: true } as const;

  ui.get(NEW_ACCOUNT_PATH, (c) => {
    demandAdmin(c.get('session'));
    return showPage(c, NEW, <NewAccountForm providers={providers} />);
  });

  ui.post(NEW_ACCOUNT_PATH, (c) =>
    actOrShowAgain(
      c,
      async () => {
        const { quarantine, provider_values: values, ...entered } = filled(await formFields(c));
        const body = parsedForm(NewAccountBody, {
          ...entered,
          ...(quarantine === undefined ? {} : { quarantine: true }),
          ...(typeof values === 'string' ? { provider_values: parseObject(values) ?? values } : {}),
        });
        const { account, warnings } = await connectAccount(
          deps,
          c.get('session').organisation,
          body,
        );
        c.set('createdId', account.id);
        const text = `${account.label} is added.`;
        return answerDone(c, deps, accountPath(account.id), { text, warnings });
      },
      (state, status) =>
        showPage(c, { ...NEW, status }, <NewAccountForm providers={providers} state={state} />),
    ),
  );

  const edited = (c: UiContext) =>
    findAccount(deps, c.get('session').organisation, c.req.param('id') ?? '');

  ui.get(EDIT, async (c) => {
    demandAdmin(c.get('session'));
    const account = await edited(c);
    return showPage(
      c,
      { title: `Edit ${account.label}`, section: ACCOUNTS_PATH, narrow: true },
      <EditAccountForm account={account} />,
    );
  });

  ui.post(EDIT, async (c) => {
    const account = await edited(c);
    const { organisation, keyId } = c.get('session');
    return actOrShowAgain(
      c,
      async () => {
        const {
          remove_owner_email: removed,
          owner_email,
          label = '',
          kind = null,
          policy = null,
          shown,
        } = filled(await formFields(c));
        // The form sends all members, so an older page would undo a newer change.
        if (shown !== undefined && shown !== editableDigest(account))
          throw new ServiceError(
            'conflict',
            'The account was changed while you edited it. Compare your values with its page, then save again.',
          );
        const body = parsedForm(AccountPatchBody, {
          label,
          kind,
          policy,
          owner_email: removed === undefined ? owner_email : null,
        });
        const caller = { organisation, keyId, source: 'admin' } as const;
        const changed = await changeAccount(deps, caller, account.id, body);
        const text = `${changed.account.label} is changed.`;
        return answerDone(c, deps, accountPath(account.id), { text, warnings: changed.warnings });
      },
      (state, status) =>
        showPage(
          c,
          { title: `Edit ${account.label}`, section: ACCOUNTS_PATH, narrow: true, status },
          <EditAccountForm account={account} state={state} />,
        ),
    );
  });
}

interface Entered {
  [name: string]: unknown;
}

/** The filled fields; `policy.jitter` becomes a member of `policy`. */
function filled(fields: Readonly<Record<string, string>>): Entered {
  const entered: Entered = {};
  const policy: Entered = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value.trim() === '') continue;
    const [, member] = /^policy\.(.+)$/.exec(name) ?? [];
    if (member === undefined) entered[name] = value;
    else policy[member] = member === 'enabled' ? value === 'true' : value.trim();
  }
  return Object.keys(policy).length === 0 ? entered : { ...entered, policy };
}
