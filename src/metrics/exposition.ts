/** The two text formats of an answer to a scrape, and the choice between them. */

export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** Whether the scraper accepts OpenMetrics, which Prometheus asks for first. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  return (accept ?? '')
    .split(',')
    .some(
      (range) =>
        /^\s*application\/openmetrics-text\b/.test(range) && !/;\s*q=0(\.0*)?\s*(;|$)/.test(range),
    );
}

/**
 * Joins texts in the Prometheus format.
 * @param texts each has metrics that no other has
 */
export function prometheusText(texts: readonly string[]): string {
  return texts.map((text) => (text === '' || text.endsWith('\n') ? text : `${text}\n`)).join('');
}

/**
 * Converts the Prometheus format to OpenMetrics: a counter's name loses `_total` in its description, empty lines go, and
 * a last line marks the end.
 */
export function openMetricsText(texts: readonly string[]): string {
  const lines = prometheusText(texts)
    .split('\n')
    .filter((line) => line !== '');
  const counters = new Set(
    lines.flatMap((line) => /^# TYPE (\S+)_total counter$/.exec(line)?.[1] ?? []),
  );
  const described = lines.map((line) =>
    line.replace(/^# (HELP|TYPE) (\S+)_total /, (whole, kind: string, name: string) =>
      counters.has(name) ? `# ${kind} ${name} ` : whole,
    ),
  );
  return `${[...described, '# EOF'].join('\n')}\n`;
}
