/**
 * Draws the panels of the Grafana dashboards with the data of a running Prometheus, without Grafana:
 * `npx --no tsx scripts/dashboard-pictures.ts http://127.0.0.1:9090 30`. The second argument is the number of minutes to
 * show. Needs Chromium, at CHROMIUM or /usr/bin/chromium.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const ROOT = join(__dirname, '..');
const DASHBOARDS = join(ROOT, 'deploy', 'observability', 'grafana', 'dashboards');
const OUT = join(ROOT, 'docs', 'screenshots');
const POINTS = 120;
const WIDTH = 400;
const HEIGHT = 130;
const LEFT = 56;
const LEGEND_MAX = 6;
const COLOURS = ['#1a7f64', '#b3541e', '#3b5bdb', '#9c36b5', '#c2255c', '#5c940d', '#0b7285', '#868e96'];

interface Panel {
  title: string;
  type: string;
  fieldConfig?: { defaults?: { unit?: string } };
  targets?: { expr: string; legendFormat?: string }[];
}

/** A series of an answer of Prometheus. */
interface Series {
  metric: Record<string, string>;
  values: [number, string][];
}

interface Line {
  name: string;
  points: [number, number][];
}

const [prometheus = 'http://127.0.0.1:9090', minutes = '30'] = process.argv.slice(2);
const end = Date.now() / 1000;
const start = end - Number(minutes) * 60;

async function linesOf({ targets = [] }: Panel): Promise<Line[]> {
  const lines: Line[] = [];
  for (const { expr, legendFormat = '' } of targets) {
    const url = new URL('/api/v1/query_range', prometheus);
    const step = Math.max(1, (end - start) / POINTS);
    const query = expr.replaceAll('$provider', '.+');
    for (const [name, value] of Object.entries({ query, start, end, step })) url.searchParams.set(name, String(value));
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${expr}: ${await answer.text()}`);
    const body: { data: { result: Series[] } } = JSON.parse(await answer.text());
    for (const { metric, values } of body.data.result)
      lines.push({
        name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? ''),
        points: values.map(([at, value]) => [at, Number(value)]),
      });
  }
  return lines;
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function shown(value: number, unit = 'short'): string {
  if (!Number.isFinite(value)) return '–';
  if (unit === 'bytes') return `${(value / 1024 ** 2).toFixed(0)} MB`;
  if (unit === 'percentunit') return `${(value * 100).toFixed(1)} %`;
  if (unit === 's') return value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(1)} s`;
  const rate = unit === 'ops' || unit === 'reqps' ? '/s' : '';
  return `${value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 })}${rate}`;
}

function chart({ title, type, fieldConfig }: Panel, lines: readonly Line[]): string {
  const unit = fieldConfig?.defaults?.unit;
  const last = (line: Line) => line.points.at(-1)?.[1] ?? Number.NaN;
  const sorted = lines.toSorted((a, b) => last(b) - last(a));
  const head = `<h2>${escaped(title)}</h2>`;
  if (lines.length === 0) return `<section>${head}<p>no data</p></section>`;
  if (type === 'stat')
    return `<section>${head}<p class="stat">${sorted.map((line) => `<b>${shown(last(line), unit)}</b> ${escaped(line.name)}`).join('<br>')}</p></section>`;
  const top = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => (Number.isFinite(value) ? value : 0)))) || 1;
  const place = ([at, value]: [number, number]) =>
    `${(LEFT + ((at - start) / (end - start)) * (WIDTH - LEFT - 6)).toFixed(1)},${(HEIGHT - 16 - (value / top) * (HEIGHT - 30)).toFixed(1)}`;
  const paths = sorted.map(
    ({ points }, n) =>
      `<polyline fill="none" stroke="${COLOURS[n % COLOURS.length]}" stroke-width="1.5" points="${points.filter(([, value]) => Number.isFinite(value)).map(place).join(' ')}"/>`,
  );
  const legend = sorted
    .slice(0, LEGEND_MAX)
    .map(({ name, points }, n) => `<li style="color:${COLOURS[n % COLOURS.length]}">${escaped(name)}: ${shown(points.at(-1)?.[1] ?? Number.NaN, unit)}</li>`);
  const more = sorted.length > LEGEND_MAX ? `<li>and ${sorted.length - LEGEND_MAX} more</li>` : '';
  return `<section>${head}<svg viewBox="0 0 ${WIDTH} ${HEIGHT}"><path d="M${LEFT} 14V${HEIGHT - 16}H${WIDTH - 6}" fill="none" stroke="#bbb"/>
<text x="${LEFT - 4}" y="18" text-anchor="end">${shown(top, unit)}</text><text x="${LEFT - 4}" y="${HEIGHT - 14}" text-anchor="end">0</text>
<text x="${LEFT}" y="${HEIGHT - 3}">${minutes} min ago</text><text x="${WIDTH - 6}" y="${HEIGHT - 3}" text-anchor="end">now</text>${paths.join('')}</svg><ul>${legend.join('')}${more}</ul></section>`;
}

const STYLE = `body{font:13px sans-serif;margin:16px;display:grid;grid-template-columns:repeat(3,1fr);gap:12px}h1{grid-column:1/-1;margin:0;font-size:18px}
section{border:1px solid #ddd;border-radius:6px;padding:8px}h2{font-size:13px;margin:0 0 4px}svg{width:100%}text{font-size:10px;fill:#666}
ul{list-style:none;margin:4px 0 0;padding:0;columns:2;font-size:11px}.stat b{font-size:20px}`;

async function main(): Promise<void> {
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  const page = await browser.newPage({ viewport: { width: 1400, height: 800 } });
  for (const file of readdirSync(DASHBOARDS)) {
    const dashboard: { title: string; panels: Panel[] } = JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8'));
    const { title, panels } = dashboard;
    const sections: string[] = [];
    for (const panel of panels) sections.push(chart(panel, await linesOf(panel)));
    await page.setContent(`<style>${STYLE}</style><h1>${escaped(title)}</h1>${sections.join('')}`);
    const name = `dashboard-${file.replace('.json', '')}.png`;
    await page.screenshot({ path: join(OUT, name), fullPage: true });
    process.stderr.write(`${name}: ${panels.length} panels\n`);
  }
  await browser.close();
}

void main();
