/** Reads metrics: of this process, and of an answer to a scrape. */
import { metricsText } from '../../src/metrics/registry';

/** The samples of a text in the Prometheus format, by name and labels, without buckets. */
export function samplesOf(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const found = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line);
      if (found === null || /_bucket\{/.test(line)) return [];
      return [[found[1] ?? '', Number(found[2])]];
    }),
  );
}

/** By how much an action increases the metrics of this process. Samples that stay the same are left out. */
export async function increaseOf(act: () => unknown): Promise<Record<string, number>> {
  const before = samplesOf(await metricsText());
  await act();
  const after = Object.entries(samplesOf(await metricsText()));
  return Object.fromEntries(
    after.flatMap(([name, value]) => {
      const by = value - (before[name] ?? 0);
      return by === 0 ? [] : [[name, by]];
    }),
  );
}
