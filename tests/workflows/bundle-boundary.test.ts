/** Workflow code is bundled alone: values come from its own folder, the domain and Temporal's packages only. */
import { join } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { lintFiles } from '../support/lint';

const root = join(__dirname, '..', '..');

it('the bundle contains the workflows and the domain, and no other folder of src', async () => {
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(root, 'src', 'workflows'),
    logger: new DefaultLogger('ERROR'),
  });
  const folders = new Set(
    [...code.matchAll(/"\.\/src\/([\w-]+)\//g)].map((match) => match[1] ?? ''),
  );
  expect([...folders].toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['domain', 'workflows']);
});

/** The linter's findings in a workflow file with these lines. */
const lint = (lines: string) =>
  lintFiles({ 'workflows/tried.ts': lines }, ['no-restricted-imports', 'import/no-nodejs-modules']);

describe('the linter', () => {
  it.each([
    [
      'a value from the activities',
      "import { createActivities } from '../activities';\nexport const x = createActivities;",
    ],
    ['a module of Node', "import { readFileSync } from 'node:fs';\nexport const x = readFileSync;"],
    ['a package', "import mongoose from 'mongoose';\nexport const x = mongoose;"],
  ])('refuses a workflow file that imports %s', (_title, lines) => {
    expect(lint(lines)).toMatch(/no-restricted-imports|no-nodejs-modules/);
  });

  it.each([
    [
      'the type of the activities',
      "import type { Activities } from '../activities';\nexport type X = Activities;",
    ],
    [
      'a value from the domain',
      "import { retryPauseMs } from '../domain/account/due-times';\nexport const x = retryPauseMs;",
    ],
    [
      "a value from Temporal's packages",
      "import { sleep } from '@temporalio/workflow';\nexport const x = sleep;",
    ],
  ])('accepts a workflow file that imports %s', (_title, lines) => {
    expect(lint(lines)).toBe('');
  });
});
