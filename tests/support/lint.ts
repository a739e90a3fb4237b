/** Lints files of a test with the project's rules. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/**
 * The linter's output; empty if it accepts the files.
 * @param files their content, by path below `src/`
 * @param rules the only rules to apply, as the project configures them
 */
export function lintFiles(files: Record<string, string>, rules: readonly string[]): string {
  const project = mkdtempSync(join(tmpdir(), 'evergrant-lint-'));
  try {
    for (const [path, lines] of Object.entries(files)) {
      const file = join(project, 'src', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${lines}\n`);
    }
    writeFileSync(join(project, '.oxlintrc.json'), JSON.stringify(configWith(rules)));
    const { status, stdout } = spawnSync(join(ROOT, 'node_modules', '.bin', 'oxlint'), ['src'], {
      cwd: project,
      encoding: 'utf8',
    });
    return status === 0 ? '' : stdout;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

/** The project's configuration, restricted to these rules. */
function configWith(asked: readonly string[]): object {
  const { plugins, rules, overrides } = JSON.parse(
    readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8'),
  );
  const only = (all: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => asked.includes(name)));
  return {
    plugins,
    jsPlugins: [join(ROOT, 'scripts', 'folder-order.js')],
    categories: { correctness: 'off' },
    rules: only(rules),
    overrides: overrides.map((one: { files: string[]; rules: Record<string, unknown> }) => ({
      files: one.files,
      rules: only(one.rules),
    })),
  };
}
