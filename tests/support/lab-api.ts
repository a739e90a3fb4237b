/**
 * An API process of the fault lab, as in production, whose consents report each phase to the parent and wait at the
 * planned one. `lab-process.ts` compiles it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type * as Clients from '../../src/providers/consent/consent-client';
import type * as Transports from '../../src/providers/exchange/transport';
import { Accounts } from '../../src/store/accounts/accounts';
import { ConnectSessions } from '../../src/store/connect/connect-sessions';
import { LogEntries } from '../../src/store/logs/log-entries';

/**
 * In order. `opened`, `started`: the change is stored, and the page has not left. `callback`: received, nothing stored.
 * `exchanging`: stored, nothing sent. `answered`: the token response is in memory. `sealed`: encrypted, before the first
 * write. `stored`: the account has the grant. `logged`: the entry is written. `ended`: the session is `connected`.
 */
export type ConnectPhase =
  | 'opened'
  | 'started'
  | 'callback'
  | 'exchanging'
  | 'answered'
  | 'sealed'
  | 'stored'
  | 'logged'
  | 'ended';

/** `key`: the id of the session or of its account, or the external id. */
export interface ConnectOrder {
  key: string;
  phase: ConnectPhase;
}
/** `verifier`: the PKCE verifier of an exchange, for the search of everything that was written. */
export type ConnectReport =
  | (ConnectOrder & { report: 'planned' | 'reached' })
  | { verifier: string };

const planned: ConnectOrder[] = [];
const tell = (report: ConnectReport) => process.send?.(report);
process.on('message', (order: ConnectOrder) => {
  planned.push(order);
  tell({ ...order, report: 'planned' });
});
const exchangeOf = new AsyncLocalStorage<string>();

/** Waits forever at the planned phase. The parent kills this process there. */
async function reached(phase: ConnectPhase, ...keys: (string | null | undefined)[]): Promise<void> {
  const order = planned.find((one) => one.phase === phase && keys.includes(one.key));
  if (order === undefined) return;
  tell({ ...order, report: 'reached' });
  await new Promise(() => undefined);
}

type Method = (...parameters: any[]) => Promise<any>;

/** Replaces a method by one that calls it. */
function wrap<T extends object>(
  target: T,
  name: keyof T & string,
  around: (call: Method, ...parameters: any[]) => Promise<any>,
): void {
  const call = Reflect.get(target, name) as Method;
  Object.assign(target, {
    [name](this: unknown, ...parameters: unknown[]) {
      return around(call.bind(this), ...parameters);
    },
  });
}

/** Waits after a method. */
function after<T extends object>(target: T, name: keyof T & string, phase: ConnectPhase): void {
  wrap(target, name, async (call, id, ...rest) => {
    const result = await call(id, ...rest);
    await reached(phase, id);
    return result;
  });
}

const sessions = ConnectSessions.prototype;
after(sessions, 'open', 'opened');
after(sessions, 'startLeg', 'started');
after(sessions, 'connected', 'ended');
wrap(sessions, 'winCallback', async (call, id, input) => {
  await reached('callback', id);
  return call(id, input);
});
wrap(Accounts.prototype, 'create', async (call, account, at) => {
  await reached('sealed', account.id);
  const created = await call(account, at);
  await reached('stored', account.id);
  return created;
});
wrap(Accounts.prototype, 'patch', async (call, organisation, id, ...rest) => {
  await reached('sealed', id);
  const patched = await call(organisation, id, ...rest);
  await reached('stored', id);
  return patched;
});
wrap(LogEntries.prototype, 'record', async (call, entry) => {
  await call(entry);
  await reached('logged', entry.account_id);
});

/** Modules whose exports are replaced before the process uses them. */
const transports: typeof Transports = require('../../src/providers/exchange/transport');
const clients: typeof Clients = require('../../src/providers/consent/consent-client');

const { createTransport } = transports;
Object.assign(transports, {
  createTransport(): Transports.Transport {
    const transport = createTransport();
    return {
      ...transport,
      async send(request) {
        await reached('exchanging', exchangeOf.getStore());
        const answer = await transport.send(request);
        await reached('answered', exchangeOf.getStore());
        return answer;
      },
    };
  },
});
const { createConsentClient } = clients;
Object.assign(clients, {
  createConsentClient(deps: Parameters<typeof createConsentClient>[0]): Clients.ConsentClient {
    const client = createConsentClient(deps);
    return {
      ...client,
      exchangeCode(input) {
        tell({ verifier: input.verifier ?? '' });
        return exchangeOf.run(input.externalId ?? '', () => client.exchangeCode(input));
      },
    };
  },
});

// oxlint-disable-next-line import/no-unassigned-import -- starts the process
require('../../src/server/main');
