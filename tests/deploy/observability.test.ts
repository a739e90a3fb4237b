/** The files of deploy/observability against each other, the declared metrics and the runbook. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as metrics from '../../src/metrics/metrics';
import { metricsText } from '../../src/metrics/registry';
import { alerts, dashboards, expressions, FOLDER, metricsIn, rules } from './_observability';
import { repository } from './compose-file';

const runbook = readFileSync(join(repository, 'docs', 'runbook.md'), 'utf8');
const sections = [...runbook.matchAll(/^### (\w+)\n([\s\S]*?)(?=^##)/gm)].map(
  ([, name = '', text = '']) => ({ name, text }),
);

it('M1.7 each alert has a section in the runbook, and each section an alert', () => {
  expect(alerts.length).toBeGreaterThanOrEqual(13);
  expect(sections.map(({ name }) => name)).toEqual(alerts.map(({ alert }) => alert));
  for (const { alert, annotations } of alerts)
    expect(annotations?.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
});

it('M1.7 each section of the runbook says what an alert means, what to look at and what to do', () => {
  for (const { name, text } of sections) {
    const parts = [...text.matchAll(/^\*\*(Meaning\.|Look at|Do\.)\*\*/gm)].map(([, part]) => part);
    expect({ name, parts }).toEqual({ name, parts: ['Meaning.', 'Look at', 'Do.'] });
  }
});

it('each panel that the runbook names exists', () => {
  const titles = new Set(dashboards.flatMap(({ panels }) => panels.map(({ title }) => title)));
  // Panels are in italics; one asterisk on each side, and not two.
  const named = [...runbook.matchAll(/(?<!\*)\*([^*\n]+)\*(?!\*)/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThanOrEqual(9);
  expect(named.filter((name) => !titles.has(name))).toEqual([]);
});

it('M1.7 each alert fires in one test and stays silent in another', () => {
  const { tests } = parse(readFileSync(join(FOLDER, 'rules.test.yaml'), 'utf8'));
  const names: string[] = tests.map(({ name }: { name: string }) => name);
  expect(names).toEqual([...new Set(names)]);
  // A further test of an alert names its case after a colon.
  const tried = new Set(names.map((name) => name.replace(/: .+$/, '')));
  expect([...tried].toSorted()).toEqual(
    alerts.flatMap(({ alert }) => [`${alert} fires`, `${alert} stays silent`]).toSorted(),
  );
});

it('the rules and the dashboards use only metrics that exist, and every metric is used', async () => {
  const declared = [...(await metricsText()).matchAll(/^# TYPE (\S+) (\w+)/gm)].map(
    ([, name = '', type]) => (type === 'histogram' ? `${name}_bucket` : name),
  );
  expect(Object.keys(metrics)).toEqual(expect.arrayContaining(['refreshAttempts', 'accounts']));
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const used = new Set([...rules, ...expressions].flatMap(({ expr }) => metricsIn(expr)));
  expect([...used].filter((name) => ![...declared, ...recorded].includes(name))).toEqual([]);
  expect([...declared, ...recorded].filter((name) => !used.has(name))).toEqual([]);
});

it('three dashboards show the overview, a provider, and the workers with Temporal', () => {
  expect(dashboards.map(({ title }) => title).toSorted()).toEqual([
    'Evergrant: overview',
    'Evergrant: provider',
    'Evergrant: workers and Temporal',
  ]);
});
