/**
 * `evergrant import --from <system>`: reads another system's export, maps its providers to those of providers.yaml, and
 * streams the accounts as JSON Lines. Line n is entry n of the export. An entry refused here becomes an empty line,
 * which the API skips.
 */
import { Readable } from 'node:stream';
import type { LineResult } from '../services/accounts/import-lines';
import type { ApiClient } from './api-client';
import type { Options } from './command';
import { CommandFailed, UsageError } from './errors';
import { readExportedValues } from './exported-files';
import type { ImportAnswer } from './import-report';
import { IMPORT_SOURCES } from './import-sources';
import type { ExportedAccount, ExportedEntry } from './import-sources/exported-entry';
import {
  counted,
  printableName,
  shownNames,
  type Target,
  type TargetOf,
  targetsOf,
} from './provider-targets';

/** Maximum label length of `POST /api/admin/accounts`, in characters. */
const LABEL_MAX_CHARACTERS = 200;

export class ExportedAccounts {
  readonly #entries: readonly ExportedEntry[];
  readonly #targetOf: TargetOf;

  private constructor(entries: readonly ExportedEntry[], targetOf: TargetOf) {
    this.#entries = entries;
    this.#targetOf = targetOf;
  }

  /**
   * Reads the files and checks that each of their providers is configured.
   * @throws {UsageError} for an unknown system or unconfigured providers
   * @throws {CommandFailed} if a file cannot be read
   */
  static async read(
    from: string,
    paths: readonly string[],
    { options, api, now }: { options: Options; api: ApiClient; now: Date },
  ): Promise<ExportedAccounts> {
    const source = IMPORT_SOURCES.get(from);
    if (source === undefined)
      throw new UsageError(
        `--from must be one of ${[...IMPORT_SOURCES.keys()].join(', ')}, not "${printableName(from)}"`,
      );
    const values = await readExportedValues(paths, source);
    const entries = withExternalId(source.read(values, now), options.text('external-id'));
    const accounts = entries.flatMap((entry) => ('account' in entry ? [entry.account] : []));
    const targetOf = targetsOf(options, accounts);
    const exported = new ExportedAccounts(
      entries.map((entry) => withoutExpired(entry, now)),
      targetOf,
    );
    await exported.#requireConfigured(api);
    return exported;
  }

  /** JSON Lines for the API. */
  body(): Readable {
    return Readable.from(this.#lines());
  }

  /** Formats a position as `entry 3 (connection abc)`. */
  placeOf(line: number): string {
    const entry = this.#entries[line - 1];
    return entry === undefined ? `entry ${line}` : `entry ${line} (${entry.name})`;
  }

  /** Merges the API's answers with the entries refused here, in order. */
  async *answers(answers: AsyncIterable<ImportAnswer>): AsyncIterable<ImportAnswer> {
    const refused = this.#refused();
    let passed = 0;
    for await (const answer of answers) {
      const before = 'line' in answer ? answer.line : Number.POSITIVE_INFINITY;
      for (let next = refused[passed]; next !== undefined && next.line < before; ) {
        if (!('error' in answer)) yield next;
        passed += 1;
        next = refused[passed];
      }
      if (!('summary' in answer)) yield answer;
      else {
        const { lines, refused: refusedThere, ...counts } = answer.summary;
        const sum = { ...counts, lines: lines + passed, refused: refusedThere + passed };
        yield { summary: sum };
      }
    }
  }

  /** Lists the client ids, because a refresh token works only with the OAuth app that it was issued to. */
  remarks(): string[] {
    const clients = new Map<string, Set<string>>();
    for (const { account, target } of this.#accounts()) {
      if (account.clientId === undefined) continue;
      const name = nameOf(target);
      clients.set(name, (clients.get(name) ?? new Set()).add(account.clientId));
    }
    return [...clients].map(([name, ids]) =>
      ids.size === 1
        ? `${name}: these refresh tokens were issued to client id ${shownIds(ids)}. Check that providers.yaml has the same client id.`
        : `${name}: these refresh tokens were issued to ${ids.size} client ids (${shownIds(ids)}), but a provider has only one. Map each client id to a provider with --map <client id>=<provider>.`,
    );
  }

  *#lines(): Generator<Buffer> {
    for (const entry of this.#entries) {
      const account = 'account' in entry ? entry.account : undefined;
      const line = account && JSON.stringify(lineOf(account, this.#targetOf(account)));
      yield Buffer.from(`${line ?? ''}\n`);
    }
  }

  #refused(): LineResult[] {
    return this.#entries.flatMap((entry, at): LineResult[] =>
      'refusal' in entry
        ? [{ line: at + 1, result: 'refused', message: entry.refusal, warnings: [] }]
        : [],
    );
  }

  #accounts(): { account: ExportedAccount; target: Target }[] {
    return this.#entries.flatMap((entry) => {
      const target = 'account' in entry ? this.#targetOf(entry.account) : undefined;
      return 'account' in entry && target !== undefined ? [{ account: entry.account, target }] : [];
    });
  }

  /** Sends a dry run of one account per provider, because only the API knows which providers are configured. */
  async #requireConfigured(api: ApiClient): Promise<void> {
    const first = new Map<string, { account: ExportedAccount; target: Target }>();
    const counts = new Map<string, Map<string, number>>();
    for (const one of this.#accounts()) {
      const name = nameOf(one.target);
      if (!first.has(name)) first.set(name, one);
      const theirs = counts.get(name) ?? new Map<string, number>();
      const theirName = one.account.provider ?? '';
      counts.set(name, theirs.set(theirName, (theirs.get(theirName) ?? 0) + 1));
    }
    if (first.size === 0) return;
    const names = [...first.keys()];
    const lines = [...first.values()].map(
      ({ account, target }) => `${JSON.stringify(lineOf(account, target))}\n`,
    );
    const unknown: string[] = [];
    let reason = '';
    const answers = api.upload<ImportAnswer>('/api/admin/accounts/import', {
      query: { dry_run: 'true' },
      type: 'application/x-ndjson',
      name: 'The export',
      body: Readable.from(lines.map((line) => Buffer.from(line))),
    });
    for await (const answer of answers) {
      if ('error' in answer) throw new CommandFailed(answer.error.message);
      if (!('line' in answer) || answer.result !== 'refused') continue;
      if (!/^(?:provider|environment): /.test(answer.message ?? '')) continue;
      reason = answer.message ?? '';
      const theirs = counts.get(names[answer.line - 1] ?? '') ?? new Map<string, number>();
      for (const [name, count] of theirs) unknown.push(counted(name, count));
    }
    if (unknown.length > 0)
      throw new UsageError(
        `no configured provider for: ${shownNames(unknown)}. Map each name with --map <exported name>=<provider>, or all of them with --provider <name>. ${reason}`,
      );
  }
}

function shownIds(ids: ReadonlySet<string>): string {
  return shownNames([...ids].map(printableName));
}

function nameOf({ provider, environment }: Target): string {
  return environment === undefined ? provider : `${provider}/${environment}`;
}

function lineOf(account: ExportedAccount, target: Target | undefined): object {
  return {
    provider: target?.provider,
    environment: target?.environment,
    external_id: account.externalId,
    label: account.label?.slice(0, LABEL_MAX_CHARACTERS),
    refresh_token: account.refreshToken,
    access_token: account.accessToken,
    expires_at: account.expiresAt?.toISOString(),
    refresh_token_expires_at: account.refreshTokenExpiresAt?.toISOString(),
    scopes: account.scopes,
  };
}

/** Removes an access token that has expired or whose expiry is unknown, so that the account is due immediately. */
function withoutExpired(entry: ExportedEntry, now: Date): ExportedEntry {
  if (!('account' in entry)) return entry;
  const { accessToken, expiresAt, ...account } = entry.account;
  const lives = expiresAt !== undefined && expiresAt > now && accessToken !== undefined;
  return { name: entry.name, account: lives ? { ...account, accessToken, expiresAt } : account };
}

/** Sets the external id of a single account from `--external-id`, because some of Google's files do not name it. */
function withExternalId(entries: readonly ExportedEntry[], given: string | undefined) {
  const accounts = entries.filter((entry) => 'account' in entry);
  if (given !== undefined && accounts.length > 1)
    throw new UsageError(
      `--external-id applies to one account, but the export has ${accounts.length}. Import them one by one.`,
    );
  return entries.map((entry): ExportedEntry => {
    if (!('account' in entry)) return entry;
    const { name } = entry;
    const externalId = given ?? entry.account.externalId;
    if (externalId === undefined)
      return {
        name,
        refusal: 'has no account id: import it alone, with --external-id <id>',
      };
    const { refreshToken, accessToken } = entry.account;
    const isToken = [refreshToken, accessToken].some(
      (token) => token !== undefined && name.endsWith(token),
    );
    return { name: isToken ? 'account' : name, account: { ...entry.account, externalId } };
  });
}
