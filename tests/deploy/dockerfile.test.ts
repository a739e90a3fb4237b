/** The rules for the image, checked in the Dockerfile and .dockerignore. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { repository } from './compose-file';
import { readBuildContext, readStages } from './dockerfile';

const ciSchema = z.object({
  jobs: z.object({
    test: z.object({
      steps: z.array(z.object({ with: z.record(z.string(), z.unknown()).optional() })),
    }),
  }),
});

const stages = readStages();
const runtime = stages.at(-1);
const inRuntime = (keyword: string) =>
  (runtime?.instructions ?? [])
    .filter((instruction) => instruction.keyword === keyword)
    .map(({ text }) => text);

it('the image is based on one Node image with glibc, pinned by version, that package.json allows', () => {
  const names = stages.map(({ name }) => name);
  const images = stages.map(({ base }) => base).filter((base) => !names.includes(base));
  expect(images).toHaveLength(1);
  expect(images[0]).toMatch(/^node:\d+\.\d+\.\d+-(bookworm|trixie)-slim(@sha256:[0-9a-f]{64})?$/);
  const { engines } = z
    .object({ engines: z.object({ node: z.string() }) })
    .parse(JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')));
  const [, minimum = ''] = /^>=(\d+)\./.exec(engines.node) ?? [];
  expect(Number(/^node:(\d+)/.exec(images[0] ?? '')?.[1])).toBeGreaterThanOrEqual(Number(minimum));
});

it('the image is based on the Node version on which CI runs all tests', () => {
  const { jobs } = ciSchema.parse(
    parse(readFileSync(join(repository, '.github', 'workflows', 'ci.yml'), 'utf8')),
  );
  const versions = jobs.test.steps.flatMap((step) => step.with?.['node-version'] ?? []);
  const image = stages.find(({ name }) => name === 'base')?.base ?? '';
  expect(versions.map(String)).toEqual([/^node:(\d+)/.exec(image)?.[1]]);
});

it('the image runs as a numeric user that is not root, set last', () => {
  expect(inRuntime('USER')).toEqual(['1000:1000']);
  const after = runtime?.instructions.slice(
    runtime.instructions.findIndex(({ keyword }) => keyword === 'USER') + 1,
  );
  expect(after?.map(({ keyword }) => keyword)).toEqual(['EXPOSE', 'ENTRYPOINT', 'CMD']);
});

it('the image starts node directly, so that it receives signals', () => {
  expect(inRuntime('ENTRYPOINT')).toEqual(['["node"]']);
});

it('the image installs the lockfile and runs no install script', () => {
  const installs = stages.flatMap(({ instructions }) =>
    instructions.filter(({ text }) => /\bnpm (ci|install|prune)\b/.test(text)),
  );
  expect(installs).toHaveLength(2);
  for (const { text } of installs)
    expect(text).toMatch(/npm (ci|prune --omit=dev) --ignore-scripts$/);
});

it('the last stage contains no sources and no development tools, and makes nothing writable', () => {
  expect(inRuntime('COPY')).toEqual([
    'package.json ./',
    '--from=prune /app/node_modules ./node_modules',
    '--from=build /app/build ./build',
    'providers ./providers',
  ]);
  expect(inRuntime('RUN')).toEqual([]);
});

it('the image contains no setting and no secret', () => {
  expect(
    stages.flatMap(({ instructions }) => instructions.filter(({ keyword }) => keyword === 'ARG')),
  ).toEqual([]);
  expect(inRuntime('ENV')).toEqual(['NODE_ENV=production']);
});

it('the build context contains exactly the files that the Dockerfile copies', () => {
  const copied = stages.flatMap(({ instructions }) =>
    instructions
      .filter(({ keyword, text }) => keyword === 'COPY' && !text.startsWith('--from='))
      .flatMap(({ text }) => text.split(' ').slice(0, -1)),
  );
  expect(readBuildContext().toSorted()).toEqual([...new Set(copied)].toSorted());
});
