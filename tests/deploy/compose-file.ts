/**
 * docker-compose.yml for the tests: parsed, with its variables substituted as Compose does.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const repository = join(__dirname, '..', '..');

const environmentSchema = z.record(z.string(), z.string().nullable());

const serviceSchema = z.looseObject({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  user: z.string().optional(),
  environment: environmentSchema.default({}),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()).default(['default']),
  volumes: z
    .array(
      z.union([
        z.string(),
        z.looseObject({ source: z.string(), target: z.string(), read_only: z.boolean() }),
      ]),
    )
    .default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  init: z.boolean().default(false),
  restart: z.string(),
  stop_grace_period: z.string().default('10s'),
  ulimits: z.object({ core: z.number() }).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});

const composeSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.object({ internal: z.boolean() })),
});

export type Service = z.infer<typeof serviceSchema>;

export const composeText: string = readFileSync(join(repository, 'docker-compose.yml'), 'utf8');

export const compose: z.infer<typeof composeSchema> = composeSchema.parse(
  parse(composeText, { merge: true }),
);

const variable = /\$\{(?<name>\w+)(?::(?<operator>[-?])(?<argument>[^}]*))?\}/g;

/** The names of the variables that Compose fills in, in `${NAME…}` or as an environment entry without a value. */
export function variableNames(): string[] {
  const interpolated = [...composeText.replaceAll(/(^|\s)#.*$/gm, '').matchAll(variable)].map(
    (match) => match.groups?.['name'] ?? '',
  );
  const passedOn = Object.values(compose.services).flatMap(({ environment }) =>
    Object.keys(environment).filter((name) => environment[name] === null),
  );
  return [...new Set([...interpolated, ...passedOn])].toSorted();
}

/** The environment of the service's process, for these values in `.env`. */
export function environmentOf(
  service: Service,
  dotenv: Record<string, string>,
): Record<string, string> {
  const filled = Object.entries(service.environment).map(([name, value]) => [
    name,
    value === null ? dotenv[name] : interpolate(value, dotenv),
  ]);
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
}

function interpolate(text: string, dotenv: Record<string, string>): string {
  return text.replaceAll(
    variable,
    (_match, name: string, operator: string | undefined, argument: string | undefined) => {
      const value = dotenv[name] ?? '';
      if (value === '' && operator === '?')
        throw new Error(`required variable ${name} is missing a value: ${argument}`);
      return value === '' && operator === '-' ? (argument ?? '') : value;
    },
  );
}
