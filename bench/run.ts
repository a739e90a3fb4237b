/** Runs one benchmark by its name: `npm run bench -- <name> [options]`. Without a name it lists all of them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

interface Bench {
  question: string;
  /** Whether it starts processes from build/, which must be up to date. */
  needsBuild: boolean;
}

/** Each name is a file of this folder. */
const BENCHES: Record<string, Bench> = {
  refresh: {
    question: 'What does a refresh cost in Evergrant, in a bare loop and with other queues?',
    needsBuild: true,
  },
  small: { question: 'What does a sweep over few accounts add to Temporal?', needsBuild: true },
  metrics: { question: 'What do metrics and scrapes cost a worker?', needsBuild: true },
  growth: {
    question: 'Does the cost of a sweep grow with the due accounts or with all accounts?',
    needsBuild: true,
  },
  lateness: { question: 'How late is a refresh after a burst?', needsBuild: true },
  tokens: { question: 'What does serving a token cost?', needsBuild: true },
  idle: { question: 'What does Evergrant cost while nothing is due?', needsBuild: true },
  due: {
    question: 'What does a due list cost as the number of accounts that are not due grows?',
    needsBuild: false,
  },
  queries: {
    question: 'Which index does each query use, and how many documents does it examine?',
    needsBuild: false,
  },
  import: { question: 'What does an import cost, and is its memory bounded?', needsBuild: false },
  soak: {
    question: 'Does memory, lag or storage grow without a bound while the demo refreshes 2,000 accounts?',
    needsBuild: true,
  },
  first: { question: 'How long does a newcomer wait for the first refresh?', needsBuild: false },
  pages: {
    question: 'How fast do the pages open with 100,000 accounts and 10,000 entries?',
    needsBuild: false,
  },
};

function list(): string {
  const lines = Object.entries(BENCHES).map(([name, { question }]) => `  ${name.padEnd(10)}${question}`);
  return `Usage: npm run bench -- <name> [options]\n\n${lines.join('\n')}\n\nOptions and results: docs/performance.md\n`;
}

function run(command: string, args: string[]): number {
  return spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}

function main([name, ...options]: string[]): number {
  if (name === undefined) {
    process.stdout.write(list());
    return 0;
  }
  const bench = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (bench === undefined) {
    process.stderr.write(`Unknown benchmark "${name}".\n\n${list()}`);
    return 1;
  }
  const built = bench.needsBuild ? run('npm', ['run', '--silent', 'build']) : 0;
  return built !== 0
    ? built
    : run(process.execPath, [...process.execArgv, join(__dirname, `${name}.ts`), ...options]);
}

process.exitCode = main(process.argv.slice(2));
