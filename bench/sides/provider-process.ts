/**
 * The provider: the sandbox in a separate process, with its ledger as evidence. Contains both ends of the connection.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { LedgerEntry } from '../../src/sandbox/ledger';
import { startSandbox } from '../../src/sandbox/server';
import { PROVIDER } from './side';

export interface IssuedGrant {
  subject: string;
  accessToken: string;
  refreshToken: string;
}

/** The number of events in the ledger for one subject. */
interface Seen {
  received: number;
  committed: number;
  answered: number;
}

type Request =
  | { kind: 'start'; clientId: string; clientSecret: string }
  | { kind: 'latency'; ms: number }
  | { kind: 'issue'; subjects: string[] }
  /** The events of these subjects, and how many of the access tokens are valid. */
  | { kind: 'inspect'; subjects: string[]; accessTokens: string[] };

interface Answers {
  start: { tokenEndpoint: string };
  latency: null;
  issue: IssuedGrant[];
  inspect: { seen: Seen[]; honoured: number };
}

export class ProviderProcess {
  readonly #child: ChildProcess;
  readonly tokenEndpoint: string;

  private constructor(child: ChildProcess, tokenEndpoint: string) {
    this.#child = child;
    this.tokenEndpoint = tokenEndpoint;
  }

  static async start(client: { clientId: string; clientSecret: string }): Promise<ProviderProcess> {
    const child = fork(__filename, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const { tokenEndpoint } = await ask(child, { kind: 'start', ...client });
    return new ProviderProcess(child, tokenEndpoint);
  }

  /** Sets the response time of the following requests, in ms. */
  async setLatency(ms: number): Promise<void> {
    await ask(this.#child, { kind: 'latency', ms });
  }

  async issue(subjects: string[]): Promise<IssuedGrant[]> {
    return ask(this.#child, { kind: 'issue', subjects });
  }

  async inspect(subjects: string[], accessTokens: string[]): Promise<Answers['inspect']> {
    return ask(this.#child, { kind: 'inspect', subjects, accessTokens });
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}

/** One request at a time, because responses carry no ids. */
async function ask<K extends Request['kind']>(
  child: ChildProcess,
  request: Request & { kind: K },
): Promise<Answers[K]> {
  child.send(request);
  const [answer] = await once(child, 'message');
  return answer;
}

async function serveProvider(): Promise<void> {
  const [first]: (Request & { kind: 'start' })[] = await once(process, 'message');
  if (first === undefined) return;
  const { clientId, clientSecret } = first;
  const sandbox = await startSandbox({ clientId, clientSecret });
  const seen = new Map<string, Seen>();
  const note = ({ subject, event, outcome }: LedgerEntry) => {
    if (subject === undefined) return;
    const of = seen.get(subject) ?? { received: 0, committed: 0, answered: 0 };
    if (event === 'received') of.received += 1;
    if (event === 'committed') of.committed += 1;
    if (event === 'answered' && outcome === 'ok') of.answered += 1;
    seen.set(subject, of);
  };
  for (const event of ['received', 'committed', 'answered'] as const) sandbox.on(event, note);
  let unscript: (() => void) | null = null;
  const answer = (request: Request): Answers[keyof Answers] => {
    switch (request.kind) {
      case 'start':
        return { tokenEndpoint: sandbox.tokenEndpoint(PROVIDER) };
      case 'latency':
        unscript?.();
        unscript =
          request.ms === 0
            ? null
            : sandbox.script({ times: Infinity, answer: { kind: 'normal', delayMs: request.ms } });
        return null;
      case 'issue':
        return request.subjects.map((subject) => {
          const grant = sandbox.issueGrant({ provider: PROVIDER, subject });
          return { subject, accessToken: grant.access_token, refreshToken: grant.refresh_token };
        });
      case 'inspect':
        return {
          seen: request.subjects.map(
            (subject) => seen.get(subject) ?? { received: 0, committed: 0, answered: 0 },
          ),
          honoured: request.accessTokens.filter((token) => sandbox.isAccessTokenActive(token))
            .length,
        };
    }
  };
  process.on('message', (request: Request) => process.send?.(answer(request)));
  process.once('disconnect', () => void sandbox.stop().then(() => process.exit(0)));
  process.send?.(answer(first));
}

if (require.main === module) void serveProvider();
