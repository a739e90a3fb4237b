/**
 * The Dockerfile and .dockerignore for the tests: stages with their instructions, and the files in the build context.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './compose-file';

export interface Stage {
  name: string;
  /** An image, or the name of an earlier stage. */
  base: string;
  instructions: { keyword: string; text: string }[];
}

export function readStages(): Stage[] {
  const stages: Stage[] = [];
  for (const line of lines('Dockerfile')) {
    const [, keyword = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (keyword === 'FROM') {
      const [, base = '', name = ''] = /^(\S+) AS (\S+)$/.exec(text) ?? [];
      stages.push({ name, base, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (keyword === '' || stage === undefined)
        throw new Error(`Dockerfile: unknown instruction: ${line}`);
      stage.instructions.push({ keyword, text });
    }
  }
  return stages;
}

/** The paths in the build context. .dockerignore must exclude everything and then admit single names. */
export function readBuildContext(): string[] {
  const [everything, ...allowed] = lines('.dockerignore');
  if (everything !== '*' || !allowed.every((line) => /^![\w.-]+$/.test(line))) {
    throw new Error(
      '.dockerignore must begin with "*" and then admit names of the top folder, each as "!name"',
    );
  }
  return allowed.map((line) => line.slice(1));
}

function lines(file: string): string[] {
  return readFileSync(join(repository, file), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}
