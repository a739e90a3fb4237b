/** Writes docs/providers/: a page per provider file, their tables, and the coverage. `npm run docs:providers` */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { factGroups, summaryOf } from '../src/providers/catalogue/facts';
import type { ProviderFile } from '../src/providers/catalogue/provider-file';
import { catalogueDetails, catalogueFiles } from '../src/services/catalogue/catalogue';

export const FOLDER = resolve(__dirname, '../docs/providers');

/** The judgement on each provider of the study, which a person writes. */
const coverageSchema = z.strictObject({
  needs: z.record(
    z.string(),
    z.strictObject({
      title: z.string(),
      by: z.enum(['form', 'hook', 'none']),
      required: z.boolean().default(false),
    }),
  ),
  rows: z.array(
    z.strictObject({
      name: z.string(),
      /** The id of its file, which may not exist yet. */
      file: z.string().optional(),
      needs: z.array(z.string()).default([]),
      note: z.string().optional(),
    }),
  ),
});
type Coverage = z.infer<typeof coverageSchema>;
type Need = Coverage['needs'][string];

const GENERATED = '<!-- `npm run docs:providers` writes this page. -->';

/** Returns the text of every page, by its name. */
export function providerDocuments(): Map<string, string> {
  const files = catalogueFiles();
  return new Map([
    ['README.md', indexPage(files)],
    ['coverage.md', coveragePage(readCoverage(), new Set(files.map(({ id }) => id)))],
    ...files.map((file): [string, string] => [`${file.id}.md`, providerPage(file)]),
  ]);
}

/** @throws if a row names a need that is not described */
export function readCoverage(): Coverage {
  const text = readFileSync(resolve(FOLDER, 'coverage.yaml'), 'utf8');
  const coverage = coverageSchema.parse(parseYaml(text));
  for (const { name, needs } of coverage.rows)
    for (const need of needs)
      if (coverage.needs[need] === undefined) throw new Error(`${name}: no need is named ${need}`);
  return coverage;
}

function indexPage(files: readonly ProviderFile[]): string {
  const unknown = new Map<string, string[]>();
  for (const { id, unknown: fields } of files)
    for (const field of fields) unknown.set(field, [...(unknown.get(field) ?? []), id]);
  const counted = [...unknown].toSorted(
    ([a, one], [b, other]) => other.length - one.length || a.localeCompare(b),
  );
  const total = files.reduce((sum, file) => sum + file.unknown.length, 0);
  return page(
    'Provider files',
    `Evergrant has ${files.length} files of providers. \`unknown\` stands for a fact without a source, and \`?\` marks an assumption.`,
    'The command `evergrant providers show <id>` prints the same facts. [Providers](../providers.md) explains how Evergrant uses them,',
    '[coverage](coverage.md) names what a file cannot express, and [the guide](../../providers/README.md) shows how to add a file.',
    '',
    table(
      [
        'provider',
        'grants',
        'PKCE',
        'rotation',
        'access token',
        'refresh token',
        'sent twice',
        'revocation',
        'validation',
        'checked',
        'unknown',
      ],
      files.map((file) => {
        const summary = summaryOf(file);
        return [
          `[${file.name}](${file.id}.md)`,
          summary.grants,
          summary.pkce,
          summary.rotation,
          summary.accessTokenLife,
          summary.refreshTokenLife,
          summary.replay,
          summary.revocation,
          summary.validation,
          file.checked,
          `${file.unknown.length}`,
        ];
      }),
    ),
    '',
    '## Unknown fields',
    '',
    `The files name ${total} fields in \`unknown\`, because no page of the provider that was read states them:`,
    '',
    table(
      ['field', 'files', 'providers'],
      counted.map(([field, ids]) => [`\`${field}\``, `${ids.length}`, ids.join(', ')]),
    ),
  );
}

function providerPage(file: ProviderFile): string {
  const groups = factGroups(file);
  const sources = [
    ...new Set(groups.flatMap(({ facts }) => facts.flatMap((fact) => fact.sources))),
  ];
  return page(
    file.name,
    `Checked on ${file.checked}. [Documentation of the provider](${file.docs}), [all provider files](README.md).`,
    ...(file.notes === undefined ? [] : ['', file.notes.trim()]),
    '',
    table(
      ['fact', 'value', 'sources'],
      groups.flatMap(({ facts }) =>
        facts.map(({ title, value, isUnknown, sources: own }) => [
          title,
          value === null ? 'unknown' : isUnknown ? `${value} ?` : value,
          own.map((source) => `[${sources.indexOf(source) + 1}]`).join(''),
        ]),
      ),
    ),
    '',
    ...(file.unknown.length === 0
      ? []
      : [
          `Unknown, or not confirmed by a page of the provider: ${file.unknown.map((field) => `\`${field}\``).join(', ')}.`,
          '',
        ]),
    'An entry of `providers.yaml`:',
    '',
    '```yaml',
    catalogueDetails(file).example.trimEnd(),
    '```',
    ...(sources.length === 0
      ? []
      : ['', '## Sources', '', ...sources.map((source, at) => `${at + 1}. <${source}>`)]),
  );
}

function coveragePage({ needs, rows }: Coverage, ids: ReadonlySet<string>): string {
  const judged = rows.map((row) => ({
    ...row,
    verdict: verdictOf(row.needs.flatMap((name) => needs[name] ?? [])),
    hasFile: row.file !== undefined && ids.has(row.file),
  }));
  const count = (verdict: string) => judged.filter((one) => one.verdict === verdict).length;
  const others = [...ids].filter((id) => !rows.some(({ file }) => file === id));
  return page(
    'Coverage',
    `A study of November 2026 lists ${rows.length} providers. A provider file without code expresses ${count('yes')} of them, and ${count('hook')} more with a named`,
    `function (a hook). For ${count('partly')}, connect or refresh works, but a part is missing. Code is necessary for ${count('no')}. ${judged.filter(({ hasFile }) => hasFile).length} of them have a file.`,
    ...(others.length === 0
      ? []
      : [`Files of further providers: ${others.map((id) => `[${id}](${id}.md)`).join(', ')}.`]),
    '',
    table(
      ['provider', 'expressed', 'missing', 'file', 'remark'],
      judged.map(({ name, verdict, needs: own, file, hasFile, note = '' }) => [
        name,
        verdict,
        own.filter((need) => needs[need]?.by !== 'form').join(', '),
        hasFile ? `[${file}](${file}.md)` : '–',
        note,
      ]),
    ),
    '',
    '## What a file needs beyond endpoints and lifetimes',
    '',
    table(
      ['need', 'meaning', 'expressed by', 'providers'],
      Object.entries(needs).map(([name, { title, by }]) => [
        name,
        title,
        by === 'none' ? 'nothing yet' : by,
        rows
          .filter((row) => row.needs.includes(name))
          .map((row) => row.name)
          .join(', '),
      ]),
    ),
  );
}

function verdictOf(needs: readonly Need[]): 'yes' | 'hook' | 'partly' | 'no' {
  const missing = needs.filter(({ by }) => by === 'none');
  if (missing.length > 0) return missing.some(({ required }) => required) ? 'no' : 'partly';
  return needs.some(({ by }) => by === 'hook') ? 'hook' : 'yes';
}

function page(title: string, ...lines: string[]): string {
  return `${[GENERATED, '', `# ${title}`, '', ...lines].join('\n')}\n`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [tableRow(header), `|${'---|'.repeat(header.length)}`, ...rows.map(tableRow)].join('\n');
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`;
}

/** A line break or a bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
}

function main(): void {
  const documents = providerDocuments();
  for (const name of readdirSync(FOLDER).filter((one) => one.endsWith('.md')))
    if (!documents.has(name)) rmSync(resolve(FOLDER, name));
  for (const [name, text] of documents) writeFileSync(resolve(FOLDER, name), text);
}

if (require.main === module) main();
