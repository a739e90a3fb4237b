/**
 * Plots as SVG, rendered on the server: stacked bars or lines, with the value under the pointer. The numbers and links are
 * also in a table below, for screen readers and the keyboard, so the drawing is hidden from them.
 */
import { scaleBand, scaleLinear } from 'd3-scale';
import { line, stack } from 'd3-shape';

/** One series: `name` is a class of the style sheet, `label` appears in the legend. */
interface Series {
  name: string;
  label: string;
}

export interface PlotProps {
  /** Unique on the page. */
  id: string;
  title: string;
  /** A summary in one sentence. */
  summary: string;
  kind: 'bars' | 'lines';
  series: readonly Series[];
  pieces: readonly PlotPiece[];
  /** Number of intervals between ticks on the x axis. */
  tickEvery: number;
  /** The unit after a number: `ms`. */
  unit?: string;
}

export interface PlotPiece {
  /** The interval's label on the axis (`tick`) and in the table (`when`). */
  tick: string;
  when: string;
  /** In the order of the series; `null` if there is no value. */
  values: readonly (number | null)[];
  /** The list behind the interval's values. */
  href?: string | undefined;
}

const WIDTH = 320;
const HEIGHT = 160;
const LEFT = 38;
const RIGHT = 4;
const TOP = 14;
const BOTTOM = 20;
const Y_TICKS = 3;

export function Plot(props: PlotProps) {
  const { id, title, summary, kind, series, pieces, unit } = props;
  const scales = scalesOf(props);
  return (
    <figure class="plot card">
      <figcaption id={`${id}-title`}>{title}</figcaption>
      {series.length > 1 && <Legend series={series} />}
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
        <Axes {...props} scales={scales} />
        {kind === 'bars' ? (
          <Bars {...props} scales={scales} />
        ) : (
          <Lines {...props} scales={scales} />
        )}
        <Pieces {...props} scales={scales} />
      </svg>
      <p id={`${id}-summary`} class="detail">
        {summary}
      </p>
      <details id={`${id}-numbers`}>
        <summary>As a table</summary>
        <Numbers title={title} series={series} pieces={pieces} unit={unit} />
      </details>
    </figure>
  );
}

function scalesOf({ kind, pieces }: PlotProps) {
  const heights = pieces.map(({ values }) => {
    const numbers = values.map((value) => value ?? 0);
    return kind === 'bars' ? numbers.reduce((all, value) => all + value, 0) : Math.max(...numbers);
  });
  return {
    x: scaleBand<number>()
      .domain(pieces.map((_, index) => index))
      .range([LEFT, WIDTH - RIGHT])
      .padding(0.2),
    y: scaleLinear()
      .domain([0, Math.max(1, ...heights)])
      .nice(Y_TICKS)
      .range([HEIGHT - BOTTOM, TOP]),
  };
}

type Scales = ReturnType<typeof scalesOf>;
type Drawn = PlotProps & { scales: Scales };

function Axes({ scales: { x, y }, pieces, tickEvery }: Drawn) {
  const ticks = y.ticks(Y_TICKS).filter(Number.isInteger);
  return (
    <>
      {ticks.map((tick) => (
        <g>
          <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={at(y(tick))} y2={at(y(tick))} />
          <text class="tick" x={LEFT - 5} y={at(y(tick) + 3.5)} text-anchor="end">
            {short(tick)}
          </text>
        </g>
      ))}
      {pieces.map(({ tick }, index) =>
        index % tickEvery === 0 ? (
          <text class="tick" x={at(middle(x, index))} y={HEIGHT - 5} text-anchor="middle">
            {tick}
          </text>
        ) : null,
      )}
    </>
  );
}

function Bars({ scales: { x, y }, series, pieces }: Drawn) {
  const layers = stack<PlotPiece, number>()
    .keys(series.map((_, index) => index))
    .value(({ values }, index) => values[index] ?? 0)([...pieces]);
  return (
    <>
      {layers.map((layer) =>
        layer.map(([from, to], index) =>
          to > from ? (
            <rect
              class={`series ${series[layer.key]?.name}`}
              x={at(x(index) ?? 0)}
              width={at(x.bandwidth())}
              y={at(y(to))}
              height={at(y(from) - y(to))}
            />
          ) : null,
        ),
      )}
    </>
  );
}

function Lines({ scales: { x, y }, series, pieces }: Drawn) {
  return (
    <>
      {series.map(({ name }, key) => {
        const draw = line<PlotPiece>()
          .defined(({ values }) => typeof values[key] === 'number')
          .x((_, index) => middle(x, index))
          .y(({ values }) => y(values[key] ?? 0))
          .digits(1);
        return (
          <g class={`series ${name}`}>
            <path class="line" d={draw([...pieces]) ?? ''} />
            {pieces.map((piece, index) => {
              const value = piece.values[key] ?? null;
              return value === null ? null : (
                <circle cx={at(middle(x, index))} cy={at(y(value))} r="2.5" />
              );
            })}
          </g>
        );
      })}
    </>
  );
}

/** One area per interval, over the whole height: it shows the values while the pointer is over it, and links to the list. */
function Pieces({ scales: { x }, series, pieces, unit }: Drawn) {
  return (
    <>
      {pieces.map((piece, index) => {
        const area = (
          <>
            <rect
              class="area"
              x={at((x(index) ?? 0) - (x.step() - x.bandwidth()) / 2)}
              width={at(x.step())}
              y="0"
              height={HEIGHT - BOTTOM}
            />
            <text class="value" x={WIDTH - RIGHT} y={TOP + 2} text-anchor="end">
              {tooltip(piece, series, unit)}
            </text>
          </>
        );
        return piece.href === undefined ? (
          <g class="piece">{area}</g>
        ) : (
          <a class="piece" href={piece.href} tabindex={-1}>
            {area}
          </a>
        );
      })}
    </>
  );
}

function Legend({ series }: Pick<PlotProps, 'series'>) {
  return (
    <ul class="legend">
      {series.map(({ name, label }) => (
        <li>
          <Swatch name={name} />
          {label}
        </li>
      ))}
    </ul>
  );
}

/** The colour of a series or a status, next to its label. */
function Swatch({ name }: { name: string }) {
  return (
    <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true">
      <rect class={`series ${name}`} width="10" height="10" rx="2" />
    </svg>
  );
}

function Numbers({
  title,
  series,
  pieces,
  unit,
}: Pick<PlotProps, 'title' | 'series' | 'pieces'> & { unit: string | undefined }) {
  return (
    <table class="numbers">
      <caption class="hidden">{title}</caption>
      <thead>
        <tr>
          <th scope="col">UTC</th>
          {series.map(({ label }) => (
            <th scope="col">{label}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {pieces.map(({ when, values, href }) => (
          <tr>
            <th scope="row">{href === undefined ? when : <a href={href}>{when}</a>}</th>
            {values.map((value) => (
              <td>{formatted(value, unit)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The tooltip of one interval. */
function tooltip(
  piece: PlotPiece | undefined,
  series: readonly Series[],
  unit: string | undefined,
): string {
  const values = piece?.values ?? [];
  const parts = series.map(({ label }, key) => `${label} ${formatted(values[key] ?? null, unit)}`);
  return `${piece?.when ?? ''}: ${parts.join(', ')}`;
}

function formatted(value: number | null, unit: string | undefined): string {
  if (value === null) return '–';
  return unit === undefined ? numeral(value) : `${numeral(value)} ${unit}`;
}

/** `12345` → `12,345` */
export function numeral(value: number): string {
  return value.toLocaleString('en');
}

/** `12000` → `12k`, because an axis has little room. */
function short(value: number): string {
  return Intl.NumberFormat('en', { notation: 'compact' }).format(value);
}

function middle(x: Scales['x'], index: number): number {
  return (x(index) ?? 0) + x.bandwidth() / 2;
}

/** Rounds to tenths of a unit, which are smaller than a pixel. */
function at(place: number): number {
  return Math.round(place * 10) / 10;
}
