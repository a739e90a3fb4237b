/** The text formats of `/metrics`, the bounds of label values, and the one place of the library. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openMetricsText, prometheusText, wantsOpenMetrics } from '../../src/metrics/exposition';
import { allowProviders, appLabels, statusLabel } from '../../src/metrics/label-values';
import { filesUnder, ROOT } from '../docs/_tree';

const TEXTS = [
  '# HELP a_total Events.\n# TYPE a_total counter\na_total{x="1"} 2\n\n# HELP b Depth.\n# TYPE b gauge\nb 3',
  '# TYPE open_handles_total gauge\nopen_handles_total 4\n',
];

describe('an answer to a scrape', () => {
  it('joins the texts of several sources in the Prometheus format', () => {
    expect(prometheusText(TEXTS)).toBe(`${TEXTS[0]}\n${TEXTS[1]}`);
    expect(prometheusText(['a 1\n', ''])).toBe('a 1\n');
  });

  it('names counters without their suffix, has no empty line and ends with # EOF in OpenMetrics', () => {
    expect(openMetricsText(TEXTS).split('\n')).toEqual([
      '# HELP a Events.',
      '# TYPE a counter',
      'a_total{x="1"} 2',
      '# HELP b Depth.',
      '# TYPE b gauge',
      'b 3',
      '# TYPE open_handles_total gauge',
      'open_handles_total 4',
      '# EOF',
      '',
    ]);
  });

  it.each([
    [undefined, false],
    ['text/plain;version=0.0.4', false],
    ['*/*', false],
    ['application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3', true],
    ['text/plain, application/openmetrics-text', true],
    ['application/openmetrics-text;q=0', false],
    ['application/openmetrics-text;q=0.0, text/plain', false],
  ])('takes the header Accept %p into account', (accept, expected) => {
    expect(wantsOpenMetrics(accept)).toBe(expected);
  });
});

describe('label values', () => {
  beforeAll(() => allowProviders([{ id: 'ebay', environments: ['production'] }]));

  it('are the names of configured apps, and `other` for any other name', () => {
    expect(appLabels('ebay', 'production')).toEqual({
      provider: 'ebay',
      environment: 'production',
    });
    expect(appLabels('ebay', 'sandbox')).toEqual({ provider: 'ebay', environment: 'other' });
    expect(appLabels('someone', 'production')).toEqual({ provider: 'other', environment: 'other' });
  });

  it('show statuses of meaning, and the others by their class', () => {
    expect([200, 429, 418, 201, 302, 0, 999, null].map(statusLabel)).toEqual([
      '200',
      '429',
      '4xx',
      '2xx',
      '3xx',
      'other',
      'other',
      'none',
    ]);
  });
});

it('only src/metrics/registry.ts uses prom-client', () => {
  const users = filesUnder('src').filter((path) =>
    /from 'prom-client'/.test(readFileSync(join(ROOT, path), 'utf8')),
  );
  expect(users).toEqual(['src/metrics/registry.ts']);
});
