/** The table of docs/cli.md: every operation of the API has a command, or a reason not to have one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../../src/cli/commands';
import type { ApiDependencies } from '../../src/http/dependencies';
import { createApp } from '../../src/server/app';
import { type OpenApiDocument, operationsOf } from '../api/_contract';
import { filesUnder, ROOT } from '../docs/_tree';

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const words = new Set(COMMANDS.map((command) => command.words.join(' ')));
const table = new Map(
  [...read('docs/cli.md').matchAll(/^\| `([a-z]\w+)` \| (.+) \|$/gm)].map(
    ([, operation = '', cell = '']) => [operation, cell],
  ),
);
const commandsIn = (cell: string) =>
  cell.startsWith('none: ') ? [] : [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
/** The requests of the command line, as `admin.accounts.:id.$get`, and the paths that it writes as text. */
const requests = filesUnder('src/cli')
  .map(read)
  .join('\n')
  .replaceAll(/\s/g, '')
  .replaceAll(/\['([^']+)'\]/g, '.$1');

let operations: ReturnType<typeof operationsOf>;

beforeAll(async () => {
  const app = createApp({ configuredKeys: [] } as unknown as ApiDependencies);
  const response = await app.request('/openapi.json');
  operations = operationsOf((await response.json()) as OpenApiDocument);
});

it('the table has each operation of the OpenAPI document, and no other', () => {
  const ids = operations.map(({ operation }) => operation.operationId ?? '');
  expect([...table.keys()].toSorted()).toEqual(ids.toSorted());
});

it('the table names commands that exist, or a reason', () => {
  for (const [operation, cell] of table) {
    const named = commandsIn(cell);
    expect({ operation, unknown: named.filter((name) => !words.has(name)) }).toEqual({
      operation,
      unknown: [],
    });
    expect({ operation, isExplained: named.length > 0 || cell.startsWith('none: ') }).toEqual({
      operation,
      isExplained: true,
    });
  }
});

it('the command line sends the request of each operation that has a command', () => {
  const missing = operations.filter(({ path, name, operation }) => {
    if (commandsIn(table.get(operation.operationId ?? '') ?? '').length === 0) return false;
    const method = name.split(' ')[0]?.toLowerCase();
    const call = `${path
      .replace(/^\/api\//, '')
      .replaceAll(/\{(\w+)\}/g, ':$1')
      .replaceAll('/', '.')}.$${method}(`;
    return !requests.includes(call) && !requests.includes(`'${path}'`);
  });
  expect(missing.map(({ name }) => name)).toEqual([]);
});

it('every command stands in the table, or needs no request', () => {
  const named = new Set([...table.values()].flatMap(commandsIn));
  const others = COMMANDS.filter((command) => 'run' in command).map((one) => one.words.join(' '));
  expect(others.filter((name) => !named.has(name))).toEqual([]);
});
