/** The files of deploy/observability, parsed. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { repository } from './compose-file';

export const FOLDER = join(repository, 'deploy', 'observability');

const rulesSchema = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          record: z.string().optional(),
          alert: z.string().optional(),
          expr: z.string(),
          labels: z.record(z.string(), z.string()).optional(),
          annotations: z.object({ summary: z.string(), runbook: z.string() }).optional(),
        }),
      ),
    }),
  ),
});

export const rules = rulesSchema
  .parse(parse(readFileSync(join(FOLDER, 'rules.yaml'), 'utf8')))
  .groups.flatMap(({ rules: ofGroup }) => ofGroup);

export const alerts = rules.flatMap(({ alert, ...rule }) =>
  alert === undefined ? [] : [{ ...rule, alert }],
);

const dashboardSchema = z.object({
  title: z.string(),
  panels: z.array(
    z.object({ title: z.string(), targets: z.array(z.object({ expr: z.string() })).min(1) }),
  ),
});

const DASHBOARDS = join(FOLDER, 'grafana', 'dashboards');

export const dashboards = readdirSync(DASHBOARDS).map((file) =>
  dashboardSchema.parse(JSON.parse(readFileSync(join(DASHBOARDS, file), 'utf8'))),
);

/** Every expression of the dashboards, with its place; the variable of the provider is set to all. */
export const expressions = dashboards.flatMap(({ title, panels }) =>
  panels.flatMap((panel) =>
    panel.targets.map(({ expr }) => ({
      place: `${title} / ${panel.title}`,
      expr: expr.replaceAll('$provider', '.*'),
    })),
  ),
);

/** The metrics of Evergrant that an expression names; a histogram by its buckets. */
export function metricsIn(expr: string): string[] {
  return [...new Set(expr.match(/\bevergrant[_:][a-z0-9_:]+/g))];
}
